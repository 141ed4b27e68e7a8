//! Each process under a database role of its own, which may do what its statements need and nothing else
//! (docs/postgres.md, "Roles"). Which statements are whose is read from the binaries: the linker leaves out what none calls.

use std::collections::{HashMap, HashSet};

use galaxy_e2e::demo::Options;
use galaxy_migrations::roles::{Columns, Grant, Prefix, ROLES, Role, grant};
use serde_json::Value;
use sqlx::{AssertSqlSafe, Connection as _, PgConnection};
use testkit::stack::{Driver, StackConfig};
use testkit::{PostgresConfig, PostgresServer, TestDb};

use crate::world::{config, patience_with_postgres, play, report, start, stop};

#[tokio::test(flavor = "multi_thread")]
async fn a_game_is_played_with_every_process_under_its_own_role() {
    let settings = vec![patience_with_postgres()];
    let mut stack = start(StackConfig { settings, own_roles: true, ..config("roles", 1, Driver::Process) }).await;
    let report = report(play(stack.summary(), Options::default()).await);
    assert!(report.players >= 4 && report.turns() > 10 && report.retries.is_empty(), "{report}");
    assert_eq!(report.repeated_mails, 0);
    let mut conn = PgConnection::connect(stack.summary().postgres_dsn.split('?').next().unwrap()).await.unwrap();
    let connected: Vec<String> = sqlx::query_scalar(
        "SELECT DISTINCT usename::text FROM pg_stat_activity
          WHERE datname = 'galaxy' AND pid <> pg_backend_pid() AND backend_type = 'client backend' ORDER BY 1",
    )
    .fetch_all(&mut conn)
    .await
    .unwrap();
    assert_eq!(connected, ["api_login", "mail_login", "notify_login", "runtime_login"]);
    conn.close().await.unwrap();
    // Work in the background tries again and says little: the server has every refusal.
    let log = std::fs::read_to_string(stack.postgres().log_file()).unwrap();
    let refused: Vec<&str> = log.lines().filter(|line| line.contains("permission denied")).collect();
    assert_eq!(refused, Vec::<&str>::new());
    stop(stack).await;
}

/// A statement as the macros of sqlx know it.
struct Known {
    name: String,
    text: String,
    parameters: usize,
}

/// Those that a server can prepare; the three others are shown to work by `shared/tests/it/push_log/`.
fn known() -> Vec<Known> {
    let mut known = Vec::new();
    for file in std::fs::read_dir(testkit::workspace_root().join("shared/.sqlx")).unwrap().flatten() {
        let described: Value = serde_json::from_slice(&std::fs::read(file.path()).unwrap()).unwrap();
        let text = described["query"].as_str().unwrap().to_owned();
        if ["TRUNCATE", "LOCK", "SET "].iter().any(|word| text.starts_with(word)) {
            continue;
        }
        let parameters = described["describe"]["parameters"]["Left"].as_array().unwrap().len();
        known.push(Known { name: format!("s{}", known.len()), text, parameters });
    }
    known
}

/// Which of the statements stand in this binary: their places in the list.
fn statements_of(process: &str, known: &[Known]) -> Vec<usize> {
    let binary = std::fs::read(testkit::process::bin_path(process)).unwrap();
    let mut by_head: HashMap<&[u8], Vec<usize>> = HashMap::new();
    let mut first = [false; 256];
    for (at, statement) in known.iter().enumerate() {
        let head = &statement.text.as_bytes()[..12];
        first[usize::from(head[0])] = true;
        by_head.entry(head).or_default().push(at);
    }
    let mut found = HashSet::new();
    for (at, byte) in binary.iter().enumerate() {
        if !first[usize::from(*byte)] {
            continue;
        }
        for candidate in binary.get(at..at + 12).and_then(|head| by_head.get(head)).into_iter().flatten() {
            if binary[at..].starts_with(known[*candidate].text.as_bytes()) {
                found.insert(*candidate);
            }
        }
    }
    let mut found: Vec<usize> = found.into_iter().collect();
    found.sort_unstable();
    found
}

/// Whether the session's role may run a prepared statement: planning it asks for the same rights as running it.
async fn refused(session: &mut PgConnection, statement: &Known) -> Option<String> {
    let nulls = vec!["NULL"; statement.parameters].join(", ");
    let arguments = if nulls.is_empty() { nulls } else { format!("({nulls})") };
    let asked = AssertSqlSafe(format!("EXPLAIN EXECUTE {}{arguments}", statement.name));
    let error = sqlx::raw_sql(asked).execute(session).await.err()?;
    let denied = error.as_database_error().and_then(|e| e.code()).is_some_and(|code| code == "42501");
    assert!(denied, "{}: {error}", statement.text);
    Some(error.to_string())
}

/// Statements that are put together when a process runs, and so stand in no binary as they are: what a queue does with its
/// table (`shared/src/queue/sql.rs`), what people do to dead letters, and what empties and locks the push log.
fn is_put_together(role: &Role, table: &str, privilege: &str) -> bool {
    let queues: &[&str] = match role.suffix {
        "api" => {
            &["mail_deliveries", "notification_routes", "runtime_jobs", "runtime_turns", "notifications", "queues"]
        }
        "mail" => &["mail_deliveries", "queues", "workers"],
        "notify" => &["notifications", "notification_routes", "queues", "workers"],
        _ => &["runtime_jobs", "runtime_turns", "queues", "workers"],
    };
    queues.contains(&table) || privilege == "TRUNCATE" || table == "push_epochs" && privilege == "UPDATE"
}

/// Each right by itself, as a GRANT names it.
fn single(grant: &Grant) -> Vec<String> {
    let columns = |verb: &str, columns: Columns| match columns {
        Columns::None => Vec::new(),
        Columns::All => vec![verb.to_owned()],
        Columns::Some(names) => names.split_whitespace().map(|name| format!("{verb} ({name})")).collect(),
    };
    let mut all = columns("SELECT", grant.select);
    all.extend(columns("UPDATE", grant.update));
    for (given, verb) in [(grant.insert, "INSERT"), (grant.delete, "DELETE"), (grant.truncate, "TRUNCATE")] {
        all.extend(given.then(|| verb.to_owned()));
    }
    all
}

#[tokio::test(flavor = "multi_thread")]
async fn each_role_may_run_the_statements_of_its_process_and_has_no_right_that_none_needs() {
    // Roles belong to a cluster: it is one of our own.
    let server =
        tokio::task::spawn_blocking(|| PostgresServer::start(PostgresConfig::default())).await.unwrap().unwrap();
    let db = TestDb::on(&server).await;
    let prefix: Prefix = "galaxy".parse().unwrap();
    let mut owner = db.connect().await;
    grant(&mut owner, &prefix, false).await.unwrap();
    let known = known();
    let mut session = db.connect().await;
    // A plan for any values: with NULL for its bounds a part of a statement would be left out, and ask for nothing.
    sqlx::raw_sql("SET plan_cache_mode = force_generic_plan").execute(&mut session).await.unwrap();
    for statement in &known {
        let prepare = format!("PREPARE {} AS {}", statement.name, statement.text);
        sqlx::raw_sql(AssertSqlSafe(prepare)).execute(&mut session).await.unwrap();
    }
    let mut faults = Vec::new();
    for role in &ROLES {
        let name = role.name(&prefix);
        let own = statements_of(role.process, &known);
        assert!(own.len() > 10, "{} statements in {}: is it built?", own.len(), role.process);
        sqlx::raw_sql(AssertSqlSafe(format!("SET ROLE {name}"))).execute(&mut session).await.unwrap();
        for at in &own {
            if let Some(error) = refused(&mut session, &known[*at]).await {
                faults.push(format!("{} may not: {error}: {}", role.process, known[*at].text));
            }
        }
        for granted in role.grants {
            for right in single(granted) {
                if is_put_together(role, granted.table, right.split(' ').next().unwrap()) {
                    continue;
                }
                let of_table = format!("{right} ON backend.{}", granted.table);
                sqlx::raw_sql(AssertSqlSafe(format!("REVOKE {of_table} FROM {name}")))
                    .execute(&mut owner)
                    .await
                    .unwrap();
                let mut needed = false;
                for at in own.iter().filter(|at| known[**at].text.contains(granted.table)) {
                    needed = needed || refused(&mut session, &known[*at]).await.is_some();
                }
                if !needed {
                    faults.push(format!("no statement of {} needs {of_table}", role.process));
                }
                sqlx::raw_sql(AssertSqlSafe(format!("GRANT {of_table} TO {name}"))).execute(&mut owner).await.unwrap();
            }
        }
        sqlx::raw_sql("RESET ROLE").execute(&mut session).await.unwrap();
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
    session.close().await.unwrap();
    owner.close().await.unwrap();
    db.close().await;
}
