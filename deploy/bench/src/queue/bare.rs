//! The engine's very statements by pgbench: what Postgres makes of them when nobody thinks in between.

use anyhow::{Result, ensure};
use shared::queue;
use testkit::TestDb;

use super::Load;
use super::table::{self, SPEC};
use crate::pgbench;

/// How far below a claim's earliest row the next one begins, as in `shared/src/queue/claim.rs`.
const MARGIN: &str = "interval '250 ms'";

/// Rows a second. As many as the load has must be in the table.
///
/// # Errors
/// When a statement fails, or rows are left.
pub async fn rate(db: &TestDb, load: &Load) -> Result<f64> {
    // Claims ask for its lease.
    let worker: String = sqlx::query_scalar(
        "INSERT INTO workers (worker_id, process, instance, expires_at)
         VALUES (gen_random_uuid(), 'bench', 'pgbench', clock_timestamp() + interval '1 hour') RETURNING worker_id::text",
    )
    .fetch_one(&db.pool())
    .await?;
    let transactions = load.rows / (load.claim() * load.clients);
    let arguments = [
        format!("--transactions={transactions}"),
        format!("--define=worker={worker}"),
        "--define=mark=-infinity".to_owned(),
    ];
    let tps = pgbench::run(db, &script(load.claim()), load.clients, &arguments).await?;
    let left = "SELECT count(*) FROM bench_jobs WHERE status <> 'done'";
    let left: i64 = sqlx::query_scalar(left).fetch_one(&db.pool()).await?;
    ensure!(left == 0, "pgbench left {left} rows");
    table::worked_once(db).await?;
    Ok(tps * load.claim() as f64)
}

/// A claim with the watermark of the one before, and the finish of what it took in a transaction, as the engine has it.
fn script(rows: usize) -> String {
    let texts = queue::texts(&SPEC);
    let claim = without_comments(&texts.claim)
        .replace("$1", ":worker::uuid")
        .replace("$2", ":mark::timestamptz")
        .replace("$3", &rows.to_string())
        .replace("$4", "60");
    let each = |value: &str| format!("array_fill({value}, ARRAY[:n::int])");
    let finish = without_comments(&texts.finish)
        .replace("$1", ":ids")
        .replace("$2", ":tokens")
        .replace("$3", &each("0"))
        .replace("$4", &each("'done'::text"))
        .replace("$5", &each("NULL::float8"))
        .replace("$6", &each("NULL::timestamptz"))
        .replace("$7", &each("0"))
        .replace("$8", &each("NULL::text"))
        .replace("$9", &each("false"));
    format!(
        "WITH claimed AS ({claim})
         SELECT coalesce(array_agg(id), '{{}}')::text AS ids, coalesce(array_agg(token), '{{}}')::text AS tokens,
                count(*) AS n, coalesce(min(next_attempt_at) - {MARGIN}, :mark::timestamptz)::text AS mark
           FROM claimed \\gset\nBEGIN;\n{finish};\nCOMMIT;\n"
    )
}

/// pgbench takes a colon for a variable wherever it stands.
fn without_comments(text: &str) -> String {
    text.lines().filter(|line| !line.trim_start().starts_with("--")).collect::<Vec<_>>().join("\n")
}
