//! The bench's own queue: the columns and indexes of every queue table, and nothing beside them.

use anyhow::Result;
use shared::queue::{QueueSpec, Topic};
use testkit::{PostgresServer, TestDb};

/// Its words.
pub static SPEC: QueueSpec = QueueSpec {
    name: "bench",
    table: "bench_jobs",
    key: "job_id",
    active: "working",
    dead: "dead_lettered",
    priorities: 1,
    filter: "",
    removable: "",
    // Nobody else listens here.
    topic: Topic::Mail,
};

/// As migrations/sql/0004_mail.up.sql has them for the outbox.
const TABLE: &str = "
    CREATE SEQUENCE bench_jobs_numbers;
    CREATE TABLE bench_jobs (
        job_id uuid PRIMARY KEY
            DEFAULT ('01900000-0000-7000-8000-' || lpad(to_hex(nextval('bench_jobs_numbers')), 12, '0'))::uuid,
        status text NOT NULL DEFAULT 'pending' CHECK (status IN
            ('pending', 'working', 'retrying', 'done', 'dead_lettered', 'quarantined')),
        priority smallint NOT NULL DEFAULT 0, next_attempt_at timestamptz NOT NULL DEFAULT clock_timestamp(),
        token bigint NOT NULL DEFAULT 0, attempt_no integer NOT NULL DEFAULT 0, failures integer NOT NULL DEFAULT 0,
        crashes integer NOT NULL DEFAULT 0, suspect boolean NOT NULL DEFAULT false, worker_id uuid,
        deadline_at timestamptz, last_error text, request_id text, traceparent text,
        created_at timestamptz NOT NULL DEFAULT clock_timestamp(), finished_at timestamptz
    ) WITH (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_cost_delay = 0,
            autovacuum_analyze_scale_factor = 0.05);
    CREATE INDEX bench_jobs_due_idx ON bench_jobs (priority, next_attempt_at, job_id)
        WHERE status IN ('pending', 'retrying') AND NOT suspect;
    CREATE INDEX bench_jobs_suspect_idx ON bench_jobs (next_attempt_at, job_id)
        WHERE status IN ('pending', 'retrying') AND suspect;
    CREATE INDEX bench_jobs_active_idx ON bench_jobs (worker_id) WHERE status = 'working';
    CREATE INDEX bench_jobs_finished_idx ON bench_jobs (finished_at) WHERE finished_at IS NOT NULL;
    CREATE INDEX bench_jobs_dead_idx ON bench_jobs (job_id) WHERE status IN ('dead_lettered', 'quarantined');
    INSERT INTO queues (name) VALUES ('bench')";

/// A database with the empty table.
pub async fn database(server: &PostgresServer) -> Result<TestDb> {
    let db = TestDb::try_on(&server.base_dsn()).await?;
    sqlx::raw_sql(TABLE).execute(&db.pool()).await?;
    Ok(db)
}

/// So many rows that are due, as if ten thousand had come a second.
pub async fn seed(db: &TestDb, rows: usize) -> Result<()> {
    sqlx::query(
        "INSERT INTO bench_jobs (next_attempt_at)
         SELECT statement_timestamp() - make_interval(secs => ($1::int - n) / 10000.0::float8)
           FROM generate_series(1, $1::int) AS n",
    )
    .bind(i32::try_from(rows)?)
    .execute(&db.pool())
    .await?;
    sqlx::query("ANALYZE bench_jobs").execute(&db.pool()).await?;
    // What comes after is not to pay for what came before.
    sqlx::query("CHECKPOINT").execute(&db.pool()).await?;
    Ok(())
}

/// Fails where a row that is done was claimed more than once.
pub async fn worked_once(db: &TestDb) -> Result<()> {
    let more = "SELECT count(*) FROM bench_jobs WHERE status = 'done' AND attempt_no <> 1";
    let more: i64 = sqlx::query_scalar(more).fetch_one(&db.pool()).await?;
    anyhow::ensure!(more == 0, "{more} rows were worked more than once");
    Ok(())
}
