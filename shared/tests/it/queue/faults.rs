//! What goes wrong in and around the work, short of a death.

use std::time::Duration;

use shared::queue::{Settings, Topic};
use testkit::{eventually, proxy::TcpProxy};

use super::kit::*;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stale_finish_changes_nothing() {
    let db = database().await;
    let pool = db.pool();
    let process = Process::start(&db, Options::default());
    let id = add(&pool, "slow 500").await;
    process.waker.wake(Topic::Mail);
    eventually(SOON, "the effect has begun", || async { effects(&pool, id).await == 1 }).await;
    // Another worker took the row meanwhile.
    sqlx::query(
        "UPDATE probe_jobs SET token = token + 1, status = 'retrying',
         next_attempt_at = clock_timestamp() + interval '1 hour' WHERE job_id = $1",
    )
    .bind(id)
    .execute(&pool)
    .await
    .unwrap();
    let queue = std::sync::Arc::clone(&process.queue);
    process.stop().await; // which waits for the finish
    let row = job(&pool, id).await;
    assert_eq!((row.status.as_str(), row.attempt_no, row.failures, row.finished), ("retrying", 1, 0, false));
    assert!(history(&pool, id).await.is_empty());
    assert!(queue.called_back.lock().is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_row_that_panics_in_a_batch_dies_and_the_others_are_done_unharmed() {
    let db = database().await;
    let pool = db.pool();
    let before = add_many(&pool, "ok", 3).await;
    let bad = add(&pool, "panic").await;
    let after = add_many(&pool, "ok", 3).await;
    let settings = Settings { slots: 1, batch: 10, ..settings() };
    let process = Process::start(&db, Options { settings, ..Options::default() });
    let dead = becomes(&pool, bad, "dead_lettered").await;
    assert_eq!(dead.failures, 3);
    assert_eq!(dead.last_error.as_deref(), Some("the work panicked: this payload panics"));
    for id in before.into_iter().chain(after) {
        let done = becomes(&pool, id, "done").await;
        assert_eq!((done.failures, done.crashes, done.suspect), (0, 0, false));
    }
    process.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_payload_that_cannot_be_read_dies_visibly_and_the_others_go_on() {
    let db = database().await;
    let pool = db.pool();
    let good = add_many(&pool, "ok", 4).await;
    let bad = add(&pool, "unreadable").await;
    let worse = add(&pool, "unreadable panic").await;
    let more = add_many(&pool, "ok", 4).await;
    let settings = Settings { slots: 1, batch: 20, ..settings() };
    let process = Process::start(&db, Options { settings, ..Options::default() });
    for id in good.into_iter().chain(more) {
        assert_eq!(becomes(&pool, id, "done").await.failures, 0);
    }
    for (id, text) in [(bad, "not a payload"), (worse, "cannot read this")] {
        let dead = becomes(&pool, id, "dead_lettered").await;
        assert!(dead.last_error.as_ref().unwrap().contains(text), "{dead:?}");
        assert_eq!((dead.attempt_no, effects(&pool, id).await), (1, 0));
        assert_eq!(history(&pool, id).await[0].0, "dead");
    }
    process.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_attempt_that_hangs_is_cut_off_and_counted() {
    let db = database().await;
    let pool = db.pool();
    let id = add(&pool, "hang").await;
    let settings = Settings { attempt_limit: Duration::from_millis(200), ..settings() };
    let process = Process::start(&db, Options { settings, ..Options::default() });
    let dead = becomes(&pool, id, "dead_lettered").await;
    assert_eq!((dead.attempt_no, dead.failures), (3, 3));
    assert!(dead.last_error.unwrap().contains("no end within"));
    process.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_outcome_that_cannot_be_recorded_costs_only_its_own_row() {
    let db = database().await;
    let pool = db.pool();
    let good = add_many(&pool, "ok", 5).await;
    let bad = add(&pool, "refused").await;
    let settings = Settings { slots: 1, batch: 20, ..settings() };
    let process = Process::start(&db, Options { settings, ..Options::default() });
    for id in good {
        assert_eq!(becomes(&pool, id, "done").await.attempt_no, 1);
        assert_eq!(effects(&pool, id).await, 1);
    }
    let dead = becomes(&pool, bad, "dead_lettered").await;
    assert_eq!(dead.failures, 3);
    assert!(dead.last_error.unwrap().contains("recording the outcome failed"));
    // Its death is recorded, without the note that could not be: who has to hear of it hears.
    let told = history(&pool, bad).await;
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(told[0].0 == "dead" && told[0].1.as_deref().unwrap().contains("recording the outcome failed"), "{told:?}");
    process.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_permanent_failure_whose_record_fails_is_recorded_at_once_in_other_words() {
    let db = database().await;
    let pool = db.pool();
    let bad = add(&pool, "condemned").await;
    let process = Process::start(&db, Options::default());
    let dead = becomes(&pool, bad, "dead_lettered").await;
    assert_eq!((dead.attempt_no, dead.failures), (1, 1), "it is not tried again");
    let told = history(&pool, bad).await;
    assert!(matches!(&told[..], [(what, Some(_))] if what == "dead"), "{told:?}");
    process.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_done_is_not_forgotten_for_an_outage_longer_than_the_lease() {
    let db = database().await;
    let pool = db.pool();
    let proxy = TcpProxy::start(db.server_addr()).await.unwrap();
    let via = db.options().host("127.0.0.1").port(proxy.addr().port());
    let process = Process::start(&db, Options { via: Some(via), ..Options::default() });
    let done = add(&pool, "slow 300").await;
    let long = add(&pool, "slow 60000").await;
    process.waker.wake(Topic::Mail);
    eventually(SOON, "both are under way", || async { effects(&pool, done).await + effects(&pool, long).await == 2 })
        .await;
    let before = process.worker.id();
    proxy.cut().await;
    eventually(SOON, "the lease is lost", || async { !process.worker.lease_valid() }).await;
    // The next attempt at the long one is short.
    sqlx::query("UPDATE probe_jobs SET payload = 'ok' WHERE job_id = $1").bind(long).execute(&pool).await.unwrap();
    proxy.restore().await.unwrap();

    let row = becomes(&pool, done, "done").await;
    assert_eq!((row.attempt_no, effects(&pool, done).await), (1, 1), "it was not done twice");
    let row = becomes(&pool, long, "done").await;
    assert_eq!((row.attempt_no, row.failures, row.crashes), (2, 0, 0), "it was dropped, and begun anew");
    let told = history(&pool, long).await;
    assert_eq!(told[1], ("rescued".to_owned(), Some("Interrupted Due".to_owned())), "{told:?}");
    assert_ne!(process.worker.id(), before, "a lost lease is never revived");
    process.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn after_an_outage_that_cost_all_their_leases_no_worker_calls_another_dead_too_soon() {
    let db = database().await;
    let pool = db.pool();
    let proxy = TcpProxy::start(db.server_addr()).await.unwrap();
    let start = |name| {
        let via = Some(db.options().host("127.0.0.1").port(proxy.addr().port()));
        let settings = Settings { slots: 3, attempt_limit: Duration::from_secs(1), ..settings() };
        Process::start(&db, Options { name, via, settings, ..Options::default() })
    };
    let (a, b) = (start("a"), start("b"));
    let leases = || async { (a.worker.lease_valid(), b.worker.lease_valid()) };
    eventually(SOON, "both are up", || async { leases().await == (true, true) }).await;
    let ids = add_many(&pool, "slow 400", 6).await;
    a.waker.wake(Topic::Mail);
    let all = || async {
        let begun: i64 = sqlx::query_scalar("SELECT count(*) FROM probe_effects").fetch_one(&pool).await.unwrap();
        begun == 6
    };
    eventually(SOON, "both are busy", all).await;
    proxy.cut().await;
    eventually(SOON, "both lost their lease", || async { leases().await == (false, false) }).await;
    eventually(SOON, "every deadline has passed", || async {
        let query =
            "SELECT NOT EXISTS (SELECT FROM probe_jobs WHERE status = 'working' AND deadline_at > clock_timestamp())";
        sqlx::query_scalar::<_, bool>(query).fetch_one(&pool).await.unwrap()
    })
    .await;
    proxy.restore().await.unwrap();
    for id in ids {
        let row = becomes(&pool, id, "done").await;
        assert_eq!((row.attempt_no, row.failures, effects(&pool, id).await), (1, 0, 1), "{row:?}");
    }
    a.stop().await;
    b.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_claim_whose_answer_was_lost_is_given_back() {
    let db = database().await;
    let pool = db.pool();
    let proxy = TcpProxy::start(db.server_addr()).await.unwrap();
    let via = db.options().host("127.0.0.1").port(proxy.addr().port());
    // The lease outlasts the test: nobody rescues the row.
    let timing = shared::queue::Timing { lease: Duration::from_secs(60), ..timing() };
    let process = Process::start(&db, Options { via: Some(via), timing, ..Options::default() });
    let me = eventually(SOON, "registered", || async { process.worker.id() }).await;
    let id = add(&pool, "ok").await;
    // What the database looks like after a claim that committed while its answer was lost.
    sqlx::query(
        "UPDATE probe_jobs SET status = 'working', token = token + 1, attempt_no = 1, worker_id = $2,
                deadline_at = clock_timestamp() + interval '1 hour' WHERE job_id = $1 AND status = 'pending'",
    )
    .bind(id)
    .bind(me.uuid())
    .execute(&pool)
    .await
    .unwrap();
    let row = eventually(SOON, "done after a cut", || async {
        proxy.cut().await;
        proxy.restore().await.unwrap();
        process.waker.wake(Topic::Mail);
        tokio::time::sleep(Duration::from_millis(100)).await;
        let row = job(&pool, id).await;
        if row.status == "done" { Ok(row) } else { Err(row) }
    })
    .await;
    assert_eq!((row.failures, row.crashes, effects(&pool, id).await), (0, 0, 1));
    process.stop().await;
}

/// The rows go back as they came, which wakes everybody, this worker too: that must not make it ask again and again.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_worker_that_cannot_read_its_rows_pauses_longer_each_time() {
    let db = database().await;
    let pool = db.pool();
    let id = add(&pool, "ok").await;
    let began = std::time::Instant::now();
    let process = Process::start(&db, Options { loads_fail: 5, ..Options::default() });
    let row = becomes(&pool, id, "done").await;
    // Half of 50, 100, 200, 400 and 800 ms at least.
    assert!(began.elapsed() >= Duration::from_millis(775), "{:?}", began.elapsed());
    // Five claims that were given back, and the one that counts: no attempt was burned.
    assert_eq!((row.token, row.attempt_no, row.failures), (12, 1, 0));
    process.stop().await;
}
