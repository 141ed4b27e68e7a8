//! What `docs/runbook.md` asks Prometheus and the database, asked while something is wrong: nobody who is woken at night finds a
//! question that is refused.

use sqlx::{AssertSqlSafe, Connection as _, PgConnection};
use testkit::eventually;
use testkit::prometheus::Prometheus;
use testkit::stack::Summary;

use super::SOON;

/// The questions of a page.
#[derive(Debug, PartialEq, Eq)]
struct Questions {
    /// Of its `prom '…'`.
    prom: Vec<String>,
    /// Of its `sql "…"`.
    sql: Vec<String>,
}

/// Asks them all. `pid` is a session of the database that the page may end.
pub async fn every_question_is_taken(prometheus: &Prometheus, summary: &Summary, pid: i32) {
    let page = std::fs::read_to_string(testkit::workspace_root().join("docs/runbook.md")).unwrap();
    let Questions { prom, sql } = questions(&page);
    let written = (page.matches("prom '").count(), page.matches("sql \"").count());
    assert_eq!((prom.len(), sql.len()), written, "one is written in another way, or outside of a block");
    assert!(prom.len() > 20 && sql.len() > 12, "{} and {} questions", prom.len(), sql.len());
    let mut faults = Vec::new();
    for expr in &prom {
        if let Err(error) = prometheus.query(expr).await {
            faults.push(format!("prom '{expr}': {error:#}"));
        }
    }
    let mut conn = PgConnection::connect(summary.postgres_dsn.split('?').next().unwrap()).await.unwrap();
    sqlx::raw_sql("SET search_path = backend").execute(&mut conn).await.unwrap();
    for statement in sql {
        let statement = statement.replace("$PID", &pid.to_string());
        if let Err(error) = sqlx::raw_sql(AssertSqlSafe(statement.clone())).execute(&mut conn).await {
            faults.push(format!("sql \"{statement}\": {error}"));
        }
    }
    assert!(faults.is_empty(), "{} questions of the runbook are refused:\n{}", faults.len(), faults.join("\n"));
    eventually(SOON, "the page ends the session that holds a snapshot", || async {
        let mut conn = PgConnection::connect(summary.postgres_dsn.split('?').next().unwrap()).await.unwrap();
        let there = sqlx::query_scalar::<_, bool>("SELECT EXISTS (SELECT FROM pg_stat_activity WHERE pid = $1)");
        !there.bind(pid).fetch_one(&mut conn).await.unwrap()
    })
    .await;
    println!("{} questions of the runbook are taken", prom.len() + written.1);
}

/// Those in the page's blocks of shell, each at the beginning of a line.
fn questions(page: &str) -> Questions {
    let mut found = Questions { prom: Vec::new(), sql: Vec::new() };
    for block in page.split("\n```sh\n").skip(1).filter_map(|rest| Some(rest.split_once("\n```")?.0)) {
        found.prom.extend(quoted(block, "prom '", '\''));
        found.sql.extend(quoted(block, "sql \"", '"'));
    }
    found
}

fn quoted(block: &str, begin: &str, end: char) -> Vec<String> {
    let (block, begin) = (format!("\n{block}"), format!("\n{begin}"));
    let questions = block.split(begin.as_str()).skip(1);
    questions.filter_map(|rest| Some(rest.split_once(end)?.0.to_owned())).collect()
}

#[test]
fn questions_are_found_in_blocks_of_shell() {
    let page = "x\n```sh\nprom 'up == 0'\nsql \"SELECT 1\n     FROM x\"\nls\nprom 'a{b=\"c\"}'\n```\n\
                prom 'no'\n\n```sql\nsql \"no\"\n```\n";
    let texts = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>();
    let wanted = Questions { prom: texts(&["up == 0", "a{b=\"c\"}"]), sql: texts(&["SELECT 1\n     FROM x"]) };
    assert_eq!(questions(page), wanted);
}
