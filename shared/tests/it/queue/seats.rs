//! Calls that only wait give their slot to others (SPEC §8, "a slow engine is alone with it").

use std::sync::Arc;
use std::time::Duration;

use shared::queue::Settings;
use shared::service::lifecycle::Outcome as Ended;
use testkit::eventually;

use super::kit::*;

fn two_slots() -> Options {
    Options { settings: Settings { slots: 2, ..settings() }, ..Options::default() }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn calls_that_gave_up_their_slots_keep_nobody_out_and_end_as_ever() {
    let db = database().await;
    let pool = db.pool();
    let waiting = add_many(&pool, "leave", 7).await;
    let process = Process::start(&db, two_slots());
    eventually(SOON, "all seven wait", || async { Arc::strong_count(&process.queue.places) == 8 }).await;
    // More than there are slots, one after the other.
    for id in add_many(&pool, "ok", 10).await {
        becomes(&pool, id, "done").await;
    }
    assert_eq!(count(&pool, "working").await, 7);
    process.queue.open.cancel();
    for id in waiting {
        let row = becomes(&pool, id, "done").await;
        assert_eq!((row.attempt_no, row.failures), (1, 0));
        assert_eq!(history(&pool, id).await, [("done".to_owned(), Some("left".to_owned()))]);
    }
    eventually(SOON, "their places are given back", || async { Arc::strong_count(&process.queue.places) == 1 }).await;
    process.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_suspect_that_only_waits_lets_other_suspects_and_everybody_else_go_on() {
    let db = database().await;
    let pool = db.pool();
    let waiting = add_many(&pool, "leave", 2).await;
    let other = add(&pool, "ok").await;
    sqlx::query("UPDATE probe_jobs SET suspect = true").execute(&pool).await.unwrap();
    let normal = add_many(&pool, "ok", 4).await;
    let process = Process::start(&db, two_slots());
    for id in normal.into_iter().chain([other]) {
        becomes(&pool, id, "done").await;
    }
    for id in &waiting {
        let row = becomes(&pool, *id, "working").await;
        eventually(SOON, "it is let go, at the price of a strike", || async {
            let row = job(&pool, *id).await;
            (!row.suspect && row.crashes == 1).then_some(()).ok_or(row)
        })
        .await;
        assert_eq!(row.attempt_no, 1);
    }
    process.queue.open.cancel();
    for id in waiting {
        let row = becomes(&pool, id, "done").await;
        assert_eq!(row.crashes, 0, "a good end clears it");
    }
    process.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_suspect_with_two_strikes_stays_alone_to_the_end() {
    let db = database().await;
    let pool = db.pool();
    let id = add(&pool, "leave").await;
    sqlx::query("UPDATE probe_jobs SET suspect = true, crashes = 2").execute(&pool).await.unwrap();
    let process = Process::start(&db, two_slots());
    becomes(&pool, id, "working").await;
    process.queue.open.cancel();
    becomes(&pool, id, "done").await;
    assert_eq!(history(&pool, id).await, [("done".to_owned(), Some("stayed".to_owned()))]);
    process.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_call_without_a_slot_is_waited_for_at_the_soft_stop_and_handed_back_at_the_hard_one() {
    let db = database().await;
    let pool = db.pool();
    let id = add(&pool, "leave").await;
    let process = Process::start(&db, two_slots());
    eventually(SOON, "it waits", || async { Arc::strong_count(&process.queue.places) == 2 }).await;
    let open = process.queue.open.clone();
    let soft = process.lifecycle.soft();
    let stopping = tokio::spawn(process.stop());
    soft.cancelled().await;
    assert_eq!(job(&pool, id).await.status, "working");
    open.cancel();
    assert_eq!(stopping.await.unwrap(), Ended::Clean);
    assert_eq!(job(&pool, id).await.status, "done");

    let late = add(&pool, "leave").await;
    let process = Process::start(&db, two_slots());
    eventually(SOON, "it waits", || async { Arc::strong_count(&process.queue.places) == 2 }).await;
    process.stop().await;
    let row = job(&pool, late).await;
    assert_eq!((row.status.as_str(), row.failures, row.worker_id), ("retrying", 0, None), "{row:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_call_without_a_slot_is_dropped_when_it_takes_too_long() {
    let db = database().await;
    let pool = db.pool();
    let id = add(&pool, "leave").await;
    let settings = Settings { slots: 1, attempt_limit: Duration::from_millis(300), max_attempts: 2, ..settings() };
    let process = Process::start(&db, Options { settings, ..Options::default() });
    let row = becomes(&pool, id, "dead_lettered").await;
    assert_eq!((row.failures, row.attempt_no), (2, 2));
    eventually(SOON, "no place is kept", || async { Arc::strong_count(&process.queue.places) == 1 }).await;
    process.stop().await;
}
