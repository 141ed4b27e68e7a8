//! What claims read while somebody holds an old snapshot: nothing that was claimed can be vacuumed, and the claims must not
//! read over it again and again (SPEC §10.8). Counted in entries of the indexes and rows of the table, not in
//! time. The ten minutes of churn are for `cargo xtask bench queue --held 600`.

use shared::queue::{Settings, Topic};
use sqlx::{Executor as _, PgConnection};
use testkit::{TestDb, eventually};

use super::{bare::BareProcess, kit::*};

const ROWS: i64 = 2_000;
/// Rounds under the held snapshot.
const ROUNDS: i64 = 4;
/// Rows of a claim. Few, so that there are many claims.
const BATCH: i64 = 10;

/// Rows that were updated, and what was read by then: entries of the indexes, dead ones too, and rows of the table.
async fn statistics(conn: &mut PgConnection) -> (i64, i64) {
    conn.execute("SELECT pg_stat_clear_snapshot()").await.unwrap();
    sqlx::query_as(
        "SELECT n_tup_upd, seq_tup_read + (SELECT sum(idx_tup_read)::bigint FROM pg_stat_user_indexes WHERE relname = 'probe_jobs')
         FROM pg_stat_user_tables WHERE relname = 'probe_jobs'",
    )
    .fetch_one(conn)
    .await
    .unwrap()
}

/// Works so many rows off, and answers what was read for each. Looks at statistics only: a look at the table would be counted.
async fn round(db: &TestDb, settings: Settings) -> f64 {
    let mut conn = db.connect().await;
    let (updated, read) = statistics(&mut conn).await;
    sqlx::query("INSERT INTO probe_jobs (job_id, payload) SELECT gen_random_uuid(), 'ok' FROM generate_series(1, $1)")
        .bind(ROWS)
        .execute(&mut conn)
        .await
        .unwrap();
    let process = BareProcess::start(db, settings);
    process.waker.wake(Topic::Mail);
    let watch = tokio::sync::Mutex::new(conn);
    // Each row is written twice: claimed, and finished.
    eventually(4 * SOON, "the round is done", || async {
        let (now, _) = statistics(&mut *watch.lock().await).await;
        if now - updated >= 2 * ROWS { Ok(()) } else { Err(now - updated) }
    })
    .await;
    // The statistics of its connections are all in when they are gone.
    process.stop(db).await;
    let (_, now) = statistics(&mut *watch.lock().await).await;
    #[expect(clippy::cast_precision_loss, reason = "a test's numbers are small")]
    let each = (now - read) as f64 / ROWS as f64;
    each
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn claims_read_no_more_under_a_held_snapshot() {
    let db = database().await;
    let settings = Settings { slots: 1, batch: usize::try_from(BATCH).unwrap(), ..settings() };
    round(&db, settings.clone()).await; // caches and plans
    let without = round(&db, settings.clone()).await;
    let mut holder = db.connect().await;
    holder.execute("BEGIN ISOLATION LEVEL REPEATABLE READ").await.unwrap();
    holder.execute("SELECT count(*) FROM probe_jobs").await.unwrap();
    let mut held = Vec::new();
    for _ in 0..ROUNDS {
        held.push(round(&db, settings.clone()).await);
    }
    println!("read for each row without a held snapshot: {without:.1}, with: {held:.1?}");
    // A claim that read over what was claimed since would read each of its dead versions: two a row, of all rounds. Now and
    // then something must: sweeps, and looks for lost rows, by the clock. On a busy machine there are more of them for each
    // claim, but nowhere near half as many as there are claims.
    #[expect(clippy::cast_precision_loss, reason = "a test's numbers are small")]
    let by_every_claim = (2 * ROUNDS * ROWS / BATCH) as f64;
    let last = held.pop().unwrap();
    assert!(
        last <= without + by_every_claim / 2.0,
        "{last:.1} reads for each row; {by_every_claim} if claims read over all"
    );
}
