//! Postgres goes and comes back; notifications stop arriving.

use std::sync::Arc;

use parking_lot::Mutex;
use shared::random::Random;
use testkit::proxy::TcpProxy;
use testkit::{PostgresConfig, PostgresServer, StopMode, eventually};

use super::SOON;
use super::gateway::{Publisher, Subscription, event, mark};
use super::stage::{Like, Stage};
use super::traffic::{self, Load, Written};

#[tokio::test(flavor = "multi_thread")]
async fn a_postgres_that_is_stopped_or_killed_and_started_again_loses_and_doubles_nothing() {
    let config = PostgresConfig { durable: true, ..PostgresConfig::default() };
    let mut server = tokio::task::block_in_place(|| PostgresServer::start(config)).unwrap();
    let stage = Stage::on(&server).await;
    traffic::entities(&stage.pool()).await;
    let replicas = [stage.replica().await, stage.replica().await];
    let addresses = Arc::new(Mutex::new(replicas.iter().map(|r| r.address).collect::<Vec<_>>()));
    let mut through = Subscription::open(replicas[0].address, "through", "").await;
    let start = through.held.clone();
    let through = tokio::spawn(async move { through.until("end").await });
    let gateways: Vec<_> = (0..2)
        .map(|i| {
            let (random, from) = (Random::seeded(i), start.clone());
            tokio::spawn(traffic::follow(addresses.clone(), format!("gateway-{i}"), random, from))
        })
        .collect();
    let pool = stage.db.pool_of(4);
    let mut written = Written::default();
    for (round, mode) in [StopMode::Fast, StopMode::Immediate].into_iter().enumerate() {
        let (seed, load) = (10 * round as u64, Load::until_stopped());
        let revokers: Vec<_> = (0..3)
            .map(|i| tokio::spawn(traffic::revoke(pool.clone(), Random::seeded(seed + i), load.clone())))
            .collect();
        let workers: Vec<_> = (0..3)
            .map(|i| {
                let name = round * 3 + i;
                tokio::spawn(traffic::publish(
                    addresses.clone(),
                    Random::seeded(seed + 5 + i as u64),
                    name,
                    load.clone(),
                ))
            })
            .collect();
        let before = stage.count("SELECT count(*) FROM push_ticks").await;
        eventually(SOON, "it is in full swing", || async {
            stage.count("SELECT count(*) FROM push_ticks").await > before + 5
        })
        .await;
        tokio::task::block_in_place(|| server.stop(mode)).unwrap();
        eventually(SOON, "readiness says so", || async { replicas.iter().all(|r| !r.is_ready()) }).await;
        tokio::task::block_in_place(|| server.start_again()).unwrap();
        eventually(SOON, "they are ready again", || async { replicas.iter().all(|r| r.is_ready()) }).await;
        let before = stage.count("SELECT count(*) FROM push_ticks").await;
        eventually(SOON, "events flow again", || async {
            stage.count("SELECT count(*) FROM push_ticks").await > before + 5
        })
        .await;
        load.stop();
        for task in revokers.into_iter().chain(workers) {
            written.add(task.await.unwrap());
        }
    }
    Publisher::connect(replicas[0].address).await.one(event("end", "end")).await;
    for gateway in gateways {
        traffic::check(&gateway.await.unwrap(), &written);
    }
    // A stream that nobody cut lived through both, with bookmarks meanwhile.
    traffic::check(&through.await.unwrap(), &written);
    assert_eq!(stage.count("SELECT count(*) FROM push_epochs").await, 1, "a restart is no failover");
}

#[tokio::test]
async fn what_notifications_do_not_tell_is_found_by_looking() {
    let stage = Stage::new().await;
    let proxy = TcpProxy::start(stage.db.server_addr()).await.unwrap();
    let deaf = stage.replica_like(Like { listens_via: Some(proxy.addr()), ..Like::default() }).await;
    let other = stage.replica().await;
    let mut stream = Subscription::open(deaf.address, "gateway", "").await;
    let mut publisher = Publisher::connect(other.address).await;
    // The connection stays open and silent: a dead host, a full firewall.
    proxy.stall();
    for i in 0..5 {
        publisher.one(event("test", i.to_string())).await;
        assert_eq!(stream.take(1).await.iter().map(mark).collect::<Vec<_>>(), [i.to_string()]);
    }
    proxy.restore().await.unwrap();
    publisher.one(event("test", "back")).await;
    assert_eq!(stream.take(1).await.iter().map(mark).collect::<Vec<_>>(), ["back"]);
}

#[tokio::test]
async fn an_idle_replica_costs_a_few_short_transactions_a_second_and_writes_nothing() {
    let stage = Stage::new().await;
    let replica = stage.replica().await;
    let mut stream = Subscription::open(replica.address, "gateway", "").await;
    let bookmark = async |stream: &mut Subscription| {
        let frame = stream.frame().await.unwrap().unwrap();
        assert!(matches!(frame.kind, Some(shared::proto::push::push_event::Kind::Bookmark(_))));
    };
    // Two bookmarks are eight seconds of silence.
    bookmark(&mut stream).await;
    let transactions = "SELECT xact_commit + xact_rollback FROM pg_stat_database WHERE datname = current_database()";
    let ticks = "SELECT count(*) FROM push_ticks";
    let before = (stage.count(transactions).await, stage.count(ticks).await);
    bookmark(&mut stream).await;
    bookmark(&mut stream).await;
    let ran = stage.count(transactions).await - before.0;
    println!("transactions of an idle replica with one stream in 8 s: {ran}");
    assert!(ran < 80, "{ran}");
    assert_eq!(stage.count(ticks).await, before.1);
}
