//! Leases: who may claim, who is dead, and what becomes of a dead one's rows.

use std::time::Duration;

use shared::ids::WorkerId;
use shared::queue::Topic;
use testkit::eventually;
use uuid::Uuid;

use super::{
    kit::*,
    poison::{kill, victim},
};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_rows_of_a_killed_process_are_worked_by_another() {
    let db = database().await;
    let pool = db.pool();
    let ids = add_many(&pool, "slow 1000", 3).await;
    let doomed = victim(&db);
    eventually(SOON, "three are under way", || async { count(&pool, "working").await == 3 }).await;
    let survivor = Process::start(&db, Options::default());
    eventually(SOON, "the other is up", || async { survivor.worker.lease_valid() }).await;
    kill(doomed).await;
    eventually(SOON, "the first is taken over", || async {
        let again: bool = sqlx::query_scalar("SELECT EXISTS (SELECT FROM probe_effects WHERE worker = 'a')")
            .fetch_one(&pool)
            .await
            .unwrap();
        again
    })
    .await;
    for id in ids {
        let done = becomes(&pool, id, "done").await;
        assert_eq!((done.attempt_no, done.failures, done.crashes, done.suspect), (2, 0, 0, false));
        let told = history(&pool, id).await;
        assert_eq!(told[1], ("rescued".to_owned(), Some("Crashed Due".to_owned())), "{told:?}");
    }
    // After the crash each was worked alone: no two of them at the same time.
    let together: i64 = sqlx::query_scalar(
        "SELECT count(*) FROM probe_effects a JOIN probe_effects b ON a.alone AND b.alone AND a.job_id < b.job_id
         AND abs(extract(epoch FROM a.at - b.at)) < 0.9",
    )
    .fetch_one(&pool)
    .await
    .unwrap();
    let alone: i64 =
        sqlx::query_scalar("SELECT count(*) FROM probe_effects WHERE alone").fetch_one(&pool).await.unwrap();
    assert_eq!((alone, together), (3, 0));
    survivor.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_worker_that_cannot_renew_drops_its_work_and_claims_nothing() {
    let db = database().await;
    let pool = db.pool();
    let process = Process::start(&db, Options::default());
    let under_way = add(&pool, "slow 60000").await;
    process.waker.wake(Topic::Mail);
    eventually(SOON, "it is under way", || async { effects(&pool, under_way).await == 1 }).await;
    // Everything works but renewing.
    sqlx::raw_sql(
        "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'no'; END $$;
         CREATE TRIGGER refuse BEFORE INSERT OR UPDATE ON workers FOR EACH ROW EXECUTE FUNCTION refuse()",
    )
    .execute(&pool)
    .await
    .unwrap();
    eventually(SOON, "the lease is lost", || async { !process.worker.lease_valid() }).await;
    // Dropped and handed back, before anybody else could think of it.
    becomes(&pool, under_way, "retrying").await;
    sqlx::query("UPDATE probe_jobs SET payload = 'ok' WHERE job_id = $1").bind(under_way).execute(&pool).await.unwrap();
    let waiting = add(&pool, "ok").await;
    process.waker.wake(Topic::Mail);
    tokio::time::sleep(Duration::from_millis(800)).await; // a span in which nothing must happen
    assert_eq!((count(&pool, "working").await, job(&pool, waiting).await.attempt_no), (0, 0));

    sqlx::raw_sql("DROP TRIGGER refuse ON workers").execute(&pool).await.unwrap();
    becomes(&pool, waiting, "done").await;
    assert_eq!(becomes(&pool, under_way, "done").await.attempt_no, 2);
    process.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_worker_whose_row_is_gone_registers_under_another_id() {
    let db = database().await;
    let pool = db.pool();
    let process = Process::start(&db, Options::default());
    let first = eventually(SOON, "registered", || async { process.worker.id() }).await;
    let version: Option<String> = sqlx::query_scalar("SELECT version FROM workers WHERE worker_id = $1")
        .bind(first.uuid())
        .fetch_one(&pool)
        .await
        .unwrap();
    assert_eq!(version.as_deref(), Some(env!("CARGO_PKG_VERSION")), "administrators see which release it is");
    sqlx::query("DELETE FROM workers").execute(&pool).await.unwrap();
    eventually(SOON, "registered anew", || async { process.worker.id().is_some_and(|id| id != first) }).await;
    let id = add(&pool, "ok").await;
    process.waker.wake(Topic::Mail);
    becomes(&pool, id, "done").await;
    process.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_dead_workers_lease_is_not_as_long_as_the_clock_was_ahead() {
    let db = database().await;
    let pool = db.pool();
    let dead = WorkerId::new().uuid();
    sqlx::query(
        "INSERT INTO workers (worker_id, process, instance, expires_at) VALUES ($1, 'probe', 'dead', now() + interval '1 day')",
    )
    .bind(dead)
    .execute(&pool)
    .await
    .unwrap();
    let held = add_hung(&pool, dead, 0).await;
    let ahead = "UPDATE probe_jobs SET deadline_at = now() + interval '1 day' WHERE job_id = $1";
    sqlx::query(ahead).bind(held).execute(&pool).await.unwrap();
    let process = Process::start(&db, Options::default());
    // Dead, and not hung: it is its worker's crash.
    let done = becomes(&pool, held, "done").await;
    assert_eq!((done.attempt_no, done.failures), (2, 0));
    assert!(process.worker.lease_valid());
    process.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_attempt_past_its_deadline_is_taken_from_a_living_worker_and_counts() {
    let db = database().await;
    let pool = db.pool();
    let process = Process::start(&db, Options::default());
    let me = eventually(SOON, "registered", || async { process.worker.id() }).await;
    let [once, last] = [add_hung(&pool, me.uuid(), 0).await, add_hung(&pool, me.uuid(), 2).await];
    let done = becomes(&pool, once, "done").await;
    assert_eq!((done.attempt_no, done.failures, done.crashes), (2, 1, 0));
    let dead = becomes(&pool, last, "dead_lettered").await;
    assert_eq!((dead.failures, dead.finished), (3, true));
    assert_eq!(history(&pool, last).await, [("rescued".to_owned(), Some("Hung Dead".to_owned()))]);
    process.stop().await;
}

/// A row in the hands of a worker that does not let go of it.
pub async fn add_hung(pool: &sqlx::PgPool, worker: Uuid, failures: i32) -> Uuid {
    let id = shared::ids::JobId::new().uuid();
    sqlx::query(
        "INSERT INTO probe_jobs (job_id, payload, status, token, attempt_no, failures, worker_id, deadline_at)
         VALUES ($1, 'ok', 'working', 7, 1, $3, $2, clock_timestamp() - interval '1 second')",
    )
    .bind(id)
    .bind(worker)
    .bind(failures)
    .execute(pool)
    .await
    .unwrap();
    id
}
