//! Two workers never both may have effects on one row (SPEC §10.3), however the first one is cut off.

use testkit::{eventually, proxy::TcpProxy};

use super::kit::*;

/// The first worker loses Postgres, but not the world in which it has effects: those are written past the proxy.
#[expect(clippy::print_stdout, reason = "the margin that was measured belongs in the test's output")]
async fn cut_off(by: impl AsyncFn(&TcpProxy)) {
    let db = database().await;
    let pool = db.pool();
    let proxy = TcpProxy::start(db.server_addr()).await.unwrap();
    let via = db.options().host("127.0.0.1").port(proxy.addr().port());
    let id = add(&pool, "beat 60000").await;
    let first = Process::start(&db, Options { via: Some(via), ..Options::default() });
    eventually(SOON, "the first is at it", || async { effects(&pool, id).await > 3 }).await;
    let second = Process::start(&db, Options { name: "b", ..Options::default() });
    eventually(SOON, "the second is up", || async { second.worker.lease_valid() }).await;
    // The second one's attempt is short.
    sqlx::query("UPDATE probe_jobs SET payload = 'beat 200' WHERE job_id = $1").bind(id).execute(&pool).await.unwrap();
    by(&proxy).await;
    let done = becomes(&pool, id, "done").await;
    assert_eq!((done.attempt_no, done.failures, done.crashes, done.suspect), (2, 0, 0, false));
    let told = history(&pool, id).await;
    assert_eq!(told[1], ("rescued".to_owned(), Some("Crashed Due".to_owned())), "{told:?}");
    assert!(!first.worker.lease_valid());
    let (between, over): (f64, i64) = sqlx::query_as(
        "SELECT extract(epoch FROM min(at) FILTER (WHERE worker = 'b') - max(at) FILTER (WHERE worker = 'a'))::float8,
                count(*) FILTER (WHERE worker = 'b') FROM probe_effects WHERE job_id = $1",
    )
    .bind(id)
    .fetch_one(&pool)
    .await
    .unwrap();
    assert!(over > 3, "the second did it");
    println!("from the first one's last effect to the second one's first: {:.0} ms", between * 1000.0);
    // However long an effect or the rescue is on its way: never both at the same time.
    assert!(between > 0.0, "{between} s between the first one's last effect and the second one's first");
    // What the first one has to say about it comes too late.
    proxy.restore().await.unwrap();
    eventually(SOON, "the first is back", || async { first.worker.lease_valid() }).await;
    let row = job(&pool, id).await;
    first.stop().await;
    second.stop().await;
    assert_eq!(job(&pool, id).await.token, row.token);
    assert_eq!((row.status.as_str(), history(&pool, id).await.len()), ("done", 2));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_worker_without_postgres_ends_its_work_before_another_begins() {
    cut_off(async |proxy| proxy.cut().await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_worker_whose_network_went_silent_ends_its_work_before_another_begins() {
    cut_off(async |proxy| proxy.stall()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_row_that_panics_alone_in_a_batching_queue_stays_alone() {
    let db = database().await;
    let pool = db.pool();
    let bad = add(&pool, "panic").await;
    let settings = shared::queue::Settings { slots: 1, batch: 10, ..settings() };
    let process = Process::start(&db, Options { settings, ..Options::default() });
    eventually(SOON, "its first failure", || async {
        let row = job(&pool, bad).await;
        assert!(row.failures == 0 || row.suspect || row.finished, "{row:?}");
        row.finished
    })
    .await;
    let row = job(&pool, bad).await;
    assert_eq!((row.status.as_str(), row.failures, row.suspect), ("dead_lettered", 3, false));
    let shared: i64 =
        sqlx::query_scalar("SELECT count(*) FROM probe_effects WHERE NOT alone").fetch_one(&pool).await.unwrap();
    assert_eq!(shared, 1, "after the first time it was worked alone");
    process.stop().await;
}
