//! What the engine's statements read, as executed: custom and generic plans, with and without statistics, which EXPLAIN of
//! one of them cannot tell.

use std::time::{Duration, Instant};

use shared::queue::{Settings, Timing, Topic};
use sqlx::{Executor as _, PgConnection};
use testkit::eventually;

use super::{bare::BareProcess, kit::*};

const HISTORY: i64 = 60_000;

/// Rows of the queue's table that sequential scans have read so far.
async fn scanned(conn: &mut PgConnection) -> i64 {
    conn.execute("SELECT pg_stat_force_next_flush()").await.unwrap();
    sqlx::query_scalar("SELECT seq_tup_read FROM pg_stat_user_tables WHERE relname = 'probe_jobs'")
        .fetch_one(conn)
        .await
        .unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_statement_of_the_engine_reads_the_table_from_end_to_end() {
    let db = database().await;
    let pool = db.pool();
    // Mostly history, young and kept by retention; timers of the future, of suspects too, at the end of the table as new rows are:
    // with statistics they look like few, and reading the table until they come is reading all of it.
    sqlx::query(
        "INSERT INTO probe_jobs (job_id, payload, status, priority, suspect, next_attempt_at, finished_at)
         SELECT gen_random_uuid(), 'ok', CASE WHEN n <= $1::bigint * 9 / 10 THEN 'done' ELSE 'retrying' END, n % 2,
             n > $1::bigint * 19 / 20,
                clock_timestamp() + interval '1 hour' + make_interval(secs => n), CASE WHEN n <= $1::bigint * 9 / 10
                    THEN clock_timestamp() END
         FROM generate_series(1, $1::bigint) n",
    )
    .bind(HISTORY)
    .execute(&pool)
    .await
    .unwrap();
    let mut conn = db.connect().await;
    for analyzed in [false, true] {
        if analyzed {
            conn.execute("ANALYZE probe_jobs").await.unwrap();
        }
        let before = scanned(&mut conn).await;
        let settings = Settings { batch: 5, retention: Duration::from_secs(600), ..settings() };
        let process = BareProcess::start(&db, settings);
        // Often enough for plans to become generic ones: claims, finishes, rescues, looks at what is due next.
        for _ in 0..12 {
            let fresh = add_many(&pool, "ok", 20).await;
            let lost = add_many(&pool, "ok", 3).await;
            sqlx::query(
                "UPDATE probe_jobs SET status = 'working', worker_id = gen_random_uuid(), token = token + 1, attempt_no = 1,
                        deadline_at = clock_timestamp() + interval '1 hour' WHERE job_id = ANY ($1) AND status = 'pending'",
            )
            .bind(&lost)
            .execute(&pool)
            .await
            .unwrap();
            process.waker.wake(Topic::Mail);
            let all: Vec<_> = fresh.into_iter().chain(lost).collect();
            eventually(SOON, "the round is done", || async {
                let left: i64 =
                    sqlx::query_scalar("SELECT count(*) FROM probe_jobs WHERE job_id = ANY ($1) AND status <> 'done'")
                        .bind(&all)
                        .fetch_one(&pool)
                        .await
                        .unwrap();
                if left == 0 { Ok(()) } else { Err(left) }
            })
            .await;
        }
        process.stop(&db).await;
        let read = scanned(&mut conn).await - before;
        assert!(read < HISTORY / 2, "{read} rows by sequential scans (analyzed: {analyzed})");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_idle_worker_asks_little() {
    let db = database().await;
    let mut conn = db.connect().await;
    let mut transactions = async || -> i64 {
        conn.execute("SELECT pg_stat_force_next_flush()").await.unwrap();
        sqlx::query_scalar("SELECT xact_commit FROM pg_stat_database WHERE datname = current_database()")
            .fetch_one(&mut conn)
            .await
            .unwrap()
    };
    let (before, began) = (transactions().await, Instant::now());
    let process = BareProcess::start_with(&db, Settings::default(), Timing::default());
    // Not for something to happen, but for what happens by itself.
    tokio::time::sleep(Duration::from_secs(6)).await;
    let ours = process.stop(&db).await;
    let (asked, took) = (transactions().await - before - ours, began.elapsed().as_secs_f64());
    println!("{asked} transactions in {took:.1} s");
    // Per second a heartbeat and a look for lost rows; per five seconds one for due ones: three statements. Starting
    // takes some dozens, since preparing a statement counts as well.
    #[expect(clippy::cast_precision_loss, reason = "a test's numbers are small")]
    let rate = (asked - 50) as f64 / took;
    assert!(rate < 6.0, "{asked} transactions in {took:.1} s");
}
