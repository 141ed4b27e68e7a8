use std::time::Duration;

use shared::db::push_log;
use shared::ids::UserId;
use shared::proto::push::push_event::Kind;
use sqlx::ConnectOptions as _;
use testkit::proxy::TcpProxy;
use testkit::{PostgresConfig, PostgresServer, StopMode, TestDb, eventually};

use super::{PATIENCE, PushConfig, Replica, config};

#[tokio::test]
async fn a_stream_outlives_a_restart_of_postgres_and_misses_nothing() {
    let mut server = PostgresServer::start(PostgresConfig { durable: true, ..Default::default() }).unwrap();
    let db = TestDb::on(&server).await;
    let quick = PushConfig {
        bookmark_interval: Duration::from_millis(500),
        // However long this machine takes to start Postgres again.
        blind_limit: Duration::from_secs(600),
        ..config()
    };
    let replica = Replica::start_with(&db, quick).await;
    let mut sub = replica.subscribe("g", "").await;
    let before = replica.push("before").await;
    sub.marks(1).await;

    server.stop(StopMode::Immediate).unwrap();
    eventually(PATIENCE, "not ready", || async { replica.health.report().http_status() == 503 }).await;
    assert!(replica.publish(vec![super::event("u")]).await.is_err());
    server.start_again().unwrap();
    replica.ready().await;
    eventually(PATIENCE, "published", || async { replica.publish(vec![super::event("after")]).await.is_ok() }).await;
    assert_eq!(sub.marks(1).await, ["after"]);
    assert_eq!(super::parts(&sub.cursor).0, super::parts(&before).0, "a crash recovery is no failover");
}

#[tokio::test]
async fn a_stalled_listener_is_made_up_for_by_looking() {
    let db = TestDb::new().await;
    let proxy = TcpProxy::start(db.server_addr()).await.unwrap();
    let listen = db.options().host("127.0.0.1").port(proxy.addr().port());
    let replica = Replica::start_on(db.options(), listen, config()).await;
    replica.ready().await;
    let mut sub = replica.subscribe("g", "").await;
    proxy.stall();
    // Written by somebody whose wake-up nobody hears.
    let mut conn = db.options().connect().await.unwrap();
    for _ in 0..3 {
        push_log::append_invalidation(&mut conn, UserId::new(), &[], "r").await.unwrap();
        assert!(matches!(sub.next().await, Kind::SessionInvalidation(_)));
    }
}

#[test]
fn a_killed_replica_loses_nothing_for_who_resumes_elsewhere() {
    // The replica that dies lives in a runtime of its own, which is torn down under it: nothing in it gets to say goodbye.
    let (stays, dies) = (runtime(), runtime());
    stays.block_on(async {
        let db = TestDb::new().await;
        let options = db.options();
        let doomed = dies.spawn(async move {
            let replica = Replica::start_on(options.clone(), options, config()).await;
            replica.ready().await;
            replica
        });
        let (doomed, survivor) = (doomed.await.unwrap(), Replica::start(&db).await);
        let mut sub = doomed.subscribe("g", "").await;
        for i in 0..20 {
            doomed.push(&format!("{i}")).await;
        }
        sub.marks(7).await;
        // Committed, perhaps not numbered by anybody yet, when the replica is gone.
        push_log::append_invalidation(&mut db.connect().await, UserId::new(), &[], "last words").await.unwrap();
        dies.shutdown_background();
        survivor.push("20").await;

        let mut resumed = survivor.subscribe("g", &sub.cursor).await;
        let (mut marks, mut told) = (Vec::new(), 0);
        while marks.len() < 14 || told < 1 {
            match resumed.next().await {
                Kind::ClientEvent(event) => marks.push(event.request_id),
                Kind::SessionInvalidation(_) => told += 1,
                other => panic!("{other:?}"),
            }
        }
        assert_eq!(marks, (7..=20).map(|i| i.to_string()).collect::<Vec<_>>());
        std::mem::forget(doomed);
        drop(survivor);
        db.close().await;
    });
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap()
}
