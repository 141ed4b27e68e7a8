//! When rows are due: priorities, filters, pauses, retries, timers, retention.

use std::time::Duration;

use shared::queue::{QueueSpec, Settings, Topic};
use testkit::eventually;
use uuid::Uuid;

use super::kit::*;

/// One row a lane at a time, by sequence, as push order has it.
const LANES: QueueSpec = QueueSpec {
    filter: "NOT EXISTS (SELECT FROM probe_jobs e WHERE e.lane = q.lane AND e.seq < q.seq
             AND e.status IN ('pending', 'working', 'retrying'))",
    ..SPEC
};

async fn order(pool: &sqlx::PgPool) -> Vec<Uuid> {
    sqlx::query_scalar("SELECT job_id FROM probe_effects ORDER BY at").fetch_all(pool).await.unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_filter_holds_rows_back_until_their_predecessors_are_done() {
    let db = database().await;
    let pool = db.pool();
    sqlx::query(
        "INSERT INTO probe_jobs (job_id, payload, lane, seq)
         SELECT gen_random_uuid(), CASE WHEN s % 7 = 3 THEN 'once' ELSE 'ok' END, 'lane ' || l, s
         FROM generate_series(1, 6) l, generate_series(1, 20) s",
    )
    .execute(&pool)
    .await
    .unwrap();
    // A scan interval beyond the test: the successors are looked for when a row is finished, not by luck.
    let settings = || Settings { scan_interval: Duration::from_secs(3_600), batch: 3, ..settings() };
    let a = Process::start(&db, Options { spec: &LANES, settings: settings(), ..Options::default() });
    let b = Process::start(&db, Options { name: "b", spec: &LANES, settings: settings(), ..Options::default() });
    all_become(&pool, "done", 120).await;
    let swapped: i64 = sqlx::query_scalar(
        "SELECT count(*) FROM (SELECT q.seq, lag(q.seq) OVER (PARTITION BY q.lane ORDER BY e.at) AS before
                               FROM probe_effects e JOIN probe_jobs q USING (job_id)) AS o WHERE seq < before",
    )
    .fetch_one(&pool)
    .await
    .unwrap();
    assert_eq!(swapped, 0);
    a.stop().await;
    b.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_lower_priority_number_goes_first_then_the_earlier_due_time() {
    let db = database().await;
    let pool = db.pool();
    let ids = add_many(&pool, "slow 5", 6).await;
    sqlx::query(
        "UPDATE probe_jobs j SET priority = CASE WHEN n % 2 = 1 THEN 1 ELSE 0 END,
                next_attempt_at = clock_timestamp() - make_interval(secs => n)
         FROM unnest($1::uuid[]) WITH ORDINALITY AS o (id, n) WHERE j.job_id = o.id",
    )
    .bind(&ids)
    .execute(&pool)
    .await
    .unwrap();
    let one = Settings { slots: 1, ..settings() };
    let process = Process::start(&db, Options { settings: one, ..Options::default() });
    all_become(&pool, "done", 6).await;
    // Ordinals 6, 4, 2 have priority 0, the greater being due longer; then 5, 3, 1.
    assert_eq!(order(&pool).await, [ids[5], ids[3], ids[1], ids[4], ids[2], ids[0]]);
    process.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_slot_is_kept_for_the_highest_priority_while_the_others_have_a_backlog() {
    let db = database().await;
    let pool = db.pool();
    add_many(&pool, "slow 1500", 3).await;
    sqlx::query("UPDATE probe_jobs SET priority = 1").execute(&pool).await.unwrap();
    let two = Settings { slots: 2, scan_interval: Duration::from_secs(3_600), ..settings() };
    let process = Process::start(&db, Options { settings: two, ..Options::default() });
    eventually(SOON, "one of them is worked", || async { count(&pool, "working").await == 1 }).await;
    let urgent = add(&pool, "ok").await;
    process.waker.wake(Topic::Mail);
    becomes(&pool, urgent, "done").await;
    assert_eq!((count(&pool, "working").await, count(&pool, "done").await), (1, 1), "it waited for nobody");
    all_become(&pool, "done", 4).await;
    process.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_paused_queue_claims_nothing_and_goes_on_when_resumed() {
    let db = database().await;
    let pool = db.pool();
    let pause =
        |paused: bool| sqlx::query("UPDATE queues SET paused = $1 WHERE name = 'probe'").bind(paused).execute(&pool);
    pause(true).await.unwrap();
    let settings = Settings { scan_interval: Duration::from_secs(3_600), ..settings() };
    let process = Process::start(&db, Options { settings, ..Options::default() });
    let id = add(&pool, "ok").await;
    let healthy = || async { process.listener.state() == shared::queue::NotifyHealth::Healthy };
    eventually(SOON, "notifications arrive", healthy).await;
    process.waker.wake(Topic::Mail);
    tokio::time::sleep(Duration::from_millis(700)).await; // a span in which nothing must happen
    assert_eq!(job(&pool, id).await.attempt_no, 0);
    pause(false).await.unwrap();
    process.waker.wake(Topic::Control);
    becomes(&pool, id, "done").await;
    process.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn failures_are_retried_with_backoff_until_the_budget_is_spent() {
    let db = database().await;
    let pool = db.pool();
    let process = Process::start(&db, Options::default());
    let [failing, once, uncounted, permanent, asked] = [
        add(&pool, "retry").await,
        add(&pool, "once").await,
        add(&pool, "uncounted").await,
        add(&pool, "dead").await,
        add(&pool, "later").await,
    ];
    process.waker.wake(Topic::Mail);

    let dead = becomes(&pool, failing, "dead_lettered").await;
    assert_eq!((dead.attempt_no, dead.failures, dead.finished), (3, 3, true));
    assert_eq!(dead.last_error.as_deref(), Some("retry it is"));
    let kinds: Vec<String> = history(&pool, failing).await.into_iter().map(|(what, _)| what).collect();
    assert_eq!(kinds, ["dead", "retrying", "retrying"]);

    let done = becomes(&pool, once, "done").await;
    assert_eq!((done.attempt_no, done.failures), (2, 1));
    let done = becomes(&pool, uncounted, "done").await;
    assert_eq!((done.attempt_no, done.failures), (6, 0), "a relay that is down does not burn the budget");
    let dead = becomes(&pool, permanent, "dead_lettered").await;
    assert_eq!(dead.attempt_no, 1, "permanent at once");
    let waiting = becomes(&pool, asked, "retrying").await;
    assert!((3500.0..=3600.0).contains(&waiting.due_in), "the delay that the other side asked for: {}", waiting.due_in);
    process.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_timer_comes_due_again_and_again_until_it_is_parked() {
    let db = database().await;
    let pool = db.pool();
    let settings = Settings { scan_interval: Duration::from_secs(3_600), ..settings() };
    let process = Process::start(&db, Options { settings, ..Options::default() });
    let id = add(&pool, "again").await;
    process.waker.wake(Topic::Mail);
    let parked = becomes(&pool, id, "idle").await;
    assert_eq!((parked.attempt_no, parked.failures, parked.finished), (3, 0, false));
    assert_eq!(effects(&pool, id).await, 3);
    process.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_released_row_is_as_if_it_had_never_been_claimed() {
    let db = database().await;
    let pool = db.pool();
    let process = Process::start(&db, Options::default());
    let id = add(&pool, "release").await;
    process.waker.wake(Topic::Mail);
    let done = becomes(&pool, id, "done").await;
    assert_eq!((done.attempt_no, done.failures, effects(&pool, id).await), (1, 0, 2));
    assert_eq!(history(&pool, id).await.len(), 1, "a release is not recorded");
    process.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_row_is_taken_when_it_comes_due_though_nobody_wakes_the_worker() {
    let db = database().await;
    let pool = db.pool();
    let ids = add_many(&pool, "ok", 3).await;
    sqlx::query("UPDATE probe_jobs SET next_attempt_at = clock_timestamp() + interval '1500 milliseconds'")
        .execute(&pool)
        .await
        .unwrap();
    let settings = Settings { scan_interval: Duration::from_secs(3_600), ..settings() };
    let process = Process::start(&db, Options { settings, ..Options::default() });
    let healthy = || async { process.listener.state() == shared::queue::NotifyHealth::Healthy };
    eventually(SOON, "notifications arrive", healthy).await;
    all_become(&pool, "done", 3).await;
    for id in ids {
        let late: f64 = sqlx::query_scalar(
            "SELECT extract(epoch FROM e.at - q.next_attempt_at)::float8 FROM probe_effects e
             JOIN probe_jobs q USING (job_id) WHERE job_id = $1",
        )
        .bind(id)
        .fetch_one(&pool)
        .await
        .unwrap();
        assert!(late >= 0.0, "{} s before it was due", -late);
    }
    process.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn finished_rows_are_removed_by_age_and_unfinished_ones_stay() {
    const KEPT: QueueSpec = QueueSpec { removable: "q.payload <> 'retry'", ..SPEC };
    let db = database().await;
    let pool = db.pool();
    let old = add_many(&pool, "ok", 1200).await;
    sqlx::query("UPDATE probe_jobs SET status = 'done', finished_at = clock_timestamp() - interval '1 day'")
        .execute(&pool)
        .await
        .unwrap();
    let kept = add(&pool, "retry").await;
    sqlx::query("UPDATE probe_jobs SET status = 'dead_lettered', finished_at = clock_timestamp() - interval '1 day' WHERE job_id = $1")
        .bind(kept)
        .execute(&pool)
        .await
        .unwrap();
    let waiting = add(&pool, "ok").await;
    sqlx::query("UPDATE probe_jobs SET next_attempt_at = clock_timestamp() + interval '1 hour' WHERE job_id = $1")
        .bind(waiting)
        .execute(&pool)
        .await
        .unwrap();
    let settings = Settings { retention: Duration::from_secs(1), ..settings() };
    let process = Process::start(&db, Options { spec: &KEPT, settings, ..Options::default() });
    eventually(SOON, "the old rows are gone", || async {
        let left: i64 = sqlx::query_scalar("SELECT count(*) FROM probe_jobs WHERE job_id = ANY ($1)")
            .bind(&old)
            .fetch_one(&pool)
            .await
            .unwrap();
        if left == 0 { Ok(()) } else { Err(left) }
    })
    .await;
    assert_eq!(job(&pool, kept).await.status, "dead_lettered");
    assert_eq!(job(&pool, waiting).await.status, "pending");
    process.stop().await;
}
