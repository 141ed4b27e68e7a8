//! Several workers on one table: each row once, none lost.

use std::time::{Duration, Instant};

use testkit::eventually;

use super::kit::*;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_workers_race_over_many_rows_and_each_is_worked_once() {
    const ROWS: usize = 1500;
    let db = database().await;
    let pool = db.pool();
    let settings = || shared::queue::Settings { slots: 3, batch: 7, ..settings() };
    let a = Process::start(&db, Options { settings: settings(), ..Options::default() });
    let b = Process::start(&db, Options { name: "b", settings: settings(), ..Options::default() });
    // Half is there before they begin, half comes while they work.
    add_many(&pool, "ok", ROWS / 2).await;
    for _ in 0..15 {
        add_many(&pool, "ok", ROWS / 30).await;
        a.waker.wake(shared::queue::Topic::Mail);
    }
    all_become(&pool, "done", ROWS).await;
    let worked: (i64, i64, i64) =
        sqlx::query_as("SELECT count(*), count(DISTINCT job_id), count(DISTINCT worker) FROM probe_effects")
            .fetch_one(&pool)
            .await
            .unwrap();
    assert_eq!(worked, (ROWS as i64, ROWS as i64, 2), "effects, rows, workers");
    let recorded: (i64, i64) =
        sqlx::query_as("SELECT count(*), count(DISTINCT job_id) FROM probe_history").fetch_one(&pool).await.unwrap();
    assert_eq!(recorded, (ROWS as i64, ROWS as i64));
    eventually(SOON, "every commit was told of", || async {
        a.queue.called_back.lock().len() + b.queue.called_back.lock().len() == ROWS
    })
    .await;
    a.stop().await;
    b.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn claims_never_exceed_the_slots() {
    let db = database().await;
    let pool = db.pool();
    add_many(&pool, "slow 40", 40).await;
    let process = Process::start(&db, Options::default());
    let mut most = 0;
    let give_up = Instant::now() + SOON;
    while count(&pool, "done").await < 40 {
        assert!(Instant::now() < give_up, "not done in time");
        most = most.max(count(&pool, "working").await);
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    assert!((1..=4).contains(&most), "{most}");
    process.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rows_below_the_watermark_are_found_under_a_backlog() {
    let db = database().await;
    let pool = db.pool();
    let process = Process::start(&db, Options::default());
    // A backlog that outlasts the test keeps the claims above the watermark.
    add_many(&pool, "slow 10", 4000).await;
    eventually(SOON, "the backlog is being worked", || async { count(&pool, "done").await > 20 }).await;
    // As a producer would leave them that took its due time long before it committed.
    let late = add_many(&pool, "ok", 3).await;
    sqlx::query(
        "UPDATE probe_jobs SET next_attempt_at = clock_timestamp() - interval '1 hour' WHERE job_id = ANY ($1)",
    )
    .bind(&late)
    .execute(&pool)
    .await
    .unwrap();
    for id in late {
        becomes(&pool, id, "done").await;
    }
    assert!(count(&pool, "pending").await > 0, "the backlog was over before: nothing is proven");
    process.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stop_finishes_what_is_under_way_and_leaves_the_rest_untouched() {
    let db = database().await;
    let pool = db.pool();
    add_many(&pool, "slow 300", 12).await;
    let process = Process::start(&db, Options::default());
    eventually(SOON, "four are under way", || async { count(&pool, "working").await == 4 }).await;
    assert_eq!(process.stop().await, shared::service::lifecycle::Outcome::Clean);
    assert_eq!((count(&pool, "done").await, count(&pool, "pending").await), (4, 8));
    let left: i64 = sqlx::query_scalar("SELECT count(*) FROM workers").fetch_one(&pool).await.unwrap();
    assert_eq!(left, 0, "the worker signed off");
}
