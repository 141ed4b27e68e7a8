//! The claim rate while somebody holds an old snapshot: nothing that was claimed can be vacuumed, and the claims must
//! not read over it again and again (SPEC §10.8). This is a smoke test; the ten minutes of churn want a benchmark, which does not exist yet.

use std::time::{Duration, Instant};

use shared::queue::{Settings, Topic};
use sqlx::Executor as _;
use testkit::eventually;

use super::{bare::BareProcess, kit::*};

const ROWS: i32 = 8_000;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_rate_does_not_fall_under_a_held_snapshot() {
    let db = database().await;
    let pool = db.pool();
    let settings = Settings { slots: 4, batch: 100, ..settings() };
    let process = BareProcess::start(&db, settings);
    let round = || async {
        sqlx::query(
            "INSERT INTO probe_jobs (job_id, payload) SELECT gen_random_uuid(), 'ok' FROM generate_series(1, $1)",
        )
        .bind(ROWS)
        .execute(&pool)
        .await
        .unwrap();
        let began = Instant::now();
        process.waker.wake(Topic::Mail);
        eventually(Duration::from_secs(60), "the round is done", || async {
            let left: bool = sqlx::query_scalar(
                "SELECT EXISTS (SELECT FROM probe_jobs WHERE status IN ('pending', 'retrying') AND NOT suspect)
                     OR EXISTS (SELECT FROM probe_jobs WHERE status = 'working')",
            )
            .fetch_one(&pool)
            .await
            .unwrap();
            !left
        })
        .await;
        f64::from(ROWS) / began.elapsed().as_secs_f64()
    };
    round().await; // caches and plans
    let mut without: f64 = 0.0;
    for _ in 0..2 {
        without = without.max(round().await);
    }
    let mut holder = db.connect().await;
    holder.execute("BEGIN ISOLATION LEVEL REPEATABLE READ").await.unwrap();
    holder.execute("SELECT count(*) FROM probe_jobs").await.unwrap();
    let mut held: f64 = 0.0;
    for _ in 0..3 {
        held = held.max(round().await);
    }
    println!("rows/s without a held snapshot: {without:.0}, with: {held:.0}, ratio {:.2}", held / without);
    assert!(held >= 0.5 * without, "{held:.0} rows/s under a held snapshot, {without:.0} without");
    process.stop(&db).await;
}
