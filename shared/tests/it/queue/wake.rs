//! Wake-ups: enough when they arrive, harmless when they do not.

use std::time::{Duration, Instant};

use shared::queue::{NotifyHealth, Settings, Topic};
use sqlx::postgres::PgListener;
use testkit::{TestDb, eventually, proxy::TcpProxy};
use tokio::time::timeout;

use super::kit::*;

/// Scans alone would take longer than any test waits.
fn hardly_scanning() -> Settings {
    Settings { scan_interval: Duration::from_secs(3_600), ..settings() }
}

async fn healthy(process: &Process) {
    eventually(SOON, "notifications arrive", || async { process.listener.state() == NotifyHealth::Healthy }).await;
}

/// Lets whatever was signalled so far be over.
async fn quiet(signal: &shared::queue::Signal) {
    while timeout(Duration::from_millis(200), signal.notified()).await.is_ok() {}
}

async fn listening_backends(db: &TestDb) -> Vec<i32> {
    sqlx::query_scalar(
        "SELECT pid FROM pg_stat_activity WHERE application_name = 'galaxy listener' AND datname = current_database()",
    )
    .fetch_all(&db.pool())
    .await
    .unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_wake_up_reaches_the_other_process_at_once_and_only_its_topic() {
    let db = database().await;
    let a = Process::start(&db, Options::default());
    let b = Process::start(&db, Options { name: "b", ..Options::default() });
    healthy(&a).await;
    healthy(&b).await;
    let (routes, turns) = (b.listener.subscribe(Topic::Routes), b.listener.subscribe(Topic::Turns));
    quiet(&routes).await;
    quiet(&turns).await;
    a.waker.wake(Topic::Routes);
    timeout(SOON, routes.notified()).await.expect("woken");
    assert!(timeout(Duration::from_millis(200), turns.notified()).await.is_err(), "another topic is not");
    // A wake-up that comes while nobody waits is not lost.
    a.waker.wake(Topic::Turns);
    timeout(Duration::from_millis(200), routes.notified()).await.expect_err("nothing more");
    timeout(SOON, turns.notified()).await.expect("kept");
    a.stop().await;
    b.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_wake_ups_are_few_notifications() {
    let db = database().await;
    let process = Process::start(&db, Options::default());
    healthy(&process).await;
    let mut ear = PgListener::connect_with(&db.pool()).await.unwrap();
    ear.listen(Topic::Routes.channel()).await.unwrap();
    let began = Instant::now();
    for _ in 0..2_000 {
        process.waker.wake(Topic::Routes);
        tokio::time::sleep(Duration::from_micros(100)).await;
    }
    let took = began.elapsed();
    let mut heard = 0;
    while timeout(Duration::from_millis(500), ear.recv()).await.is_ok() {
        heard += 1;
    }
    let most = took.as_millis() / 5 + 2;
    assert!(heard >= 1 && heard <= most, "{heard} notifications in {took:?}");
    process.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_intent_is_under_way_though_scans_are_minutes_apart() {
    let db = database().await;
    let pool = db.pool();
    let worker = Process::start(&db, Options { settings: hardly_scanning(), ..Options::default() });
    let producer = Process::start(&db, Options { name: "b", settings: hardly_scanning(), ..Options::default() });
    healthy(&worker).await;
    healthy(&producer).await;
    for _ in 0..40 {
        let id = add(&pool, "ok").await;
        producer.waker.wake(Topic::Mail);
        becomes(&pool, id, "done").await;
    }
    worker.stop().await;
    producer.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_listener_whose_connection_was_killed_recovers_and_loses_no_wake_up() {
    let db = database().await;
    let pool = db.pool();
    let process = Process::start(&db, Options { settings: hardly_scanning(), ..Options::default() });
    healthy(&process).await;
    let mut producer = PgListener::connect_with(&pool).await.unwrap();
    for _ in 0..5 {
        let before = listening_backends(&db).await;
        // The notification goes out while nobody listens: reconnecting must count as a wake-up.
        sqlx::query("SELECT pg_terminate_backend(pid) FROM unnest($1::int[]) AS pid")
            .bind(&before)
            .execute(&pool)
            .await
            .unwrap();
        let id = add(&pool, "ok").await;
        sqlx::query("SELECT pg_notify('galaxy_mail', '')").execute(&mut producer).await.unwrap();
        becomes(&pool, id, "done").await;
        eventually(SOON, "it listens again", || async {
            let now = listening_backends(&db).await;
            !now.is_empty() && now.iter().all(|pid| !before.contains(pid))
        })
        .await;
    }
    healthy(&process).await;
    process.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn while_notifications_do_not_arrive_the_table_is_scanned_faster() {
    let db = database().await;
    let pool = db.pool();
    let proxy = TcpProxy::start(db.server_addr()).await.unwrap();
    let listen_via = Some(db.options().host("127.0.0.1").port(proxy.addr().port()));
    let process = Process::start(&db, Options { settings: hardly_scanning(), listen_via, ..Options::default() });
    healthy(&process).await;

    // Half open: the connection stands, and nothing comes through it.
    proxy.stall();
    eventually(SOON, "the silence is noticed", || async { process.listener.state() != NotifyHealth::Healthy }).await;
    let id = add(&pool, "ok").await;
    becomes(&pool, id, "done").await;

    proxy.cut().await;
    eventually(SOON, "no connection", || async { process.listener.state() == NotifyHealth::Off }).await;
    let id = add(&pool, "ok").await;
    becomes(&pool, id, "done").await;

    proxy.restore().await.unwrap();
    healthy(&process).await;
    process.stop().await;
}
