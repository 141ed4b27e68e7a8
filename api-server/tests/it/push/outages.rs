//! Postgres goes and comes back; notifications stop arriving.

use std::sync::Arc;
use std::time::Duration;

use api_server::push::PushConfig;
use parking_lot::Mutex;
use shared::ids::UserId;
use shared::proto::push::push_event::Kind;
use shared::random::Random;
use testkit::proxy::TcpProxy;
use testkit::{PostgresConfig, PostgresServer, StopMode, eventually};
use tonic::Code;

use super::PATIENCE;
use super::gateway::{Publisher, Subscription, event, mark};
use super::stage::{Like, Stage};
use super::traffic::{self, Load, Written};

#[tokio::test(flavor = "multi_thread")]
async fn a_postgres_that_is_stopped_or_killed_and_started_again_loses_and_doubles_nothing() {
    let config = PostgresConfig { durable: true, ..PostgresConfig::default() };
    let mut server = tokio::task::block_in_place(|| PostgresServer::start(config)).unwrap();
    let stage = Stage::on(&server).await;
    traffic::entities(&stage.pool()).await;
    // However long this machine takes to start Postgres again: what ends a stream has a test of its own.
    let patient = || Like::with(|config| config.blind_limit = Duration::from_secs(600));
    let replicas = [stage.replica_like(patient()).await, stage.replica_like(patient()).await];
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
        eventually(PATIENCE, "it is in full swing", || async {
            stage.count("SELECT count(*) FROM push_ticks").await > before + 5
        })
        .await;
        tokio::task::block_in_place(|| server.stop(mode)).unwrap();
        eventually(PATIENCE, "readiness says so", || async { replicas.iter().all(|r| !r.is_ready()) }).await;
        tokio::task::block_in_place(|| server.start_again()).unwrap();
        eventually(PATIENCE, "they are ready again", || async { replicas.iter().all(|r| r.is_ready()) }).await;
        let before = stage.count("SELECT count(*) FROM push_ticks").await;
        eventually(PATIENCE, "events flow again", || async {
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
    // A stream that nobody cut lived through both.
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

#[tokio::test(flavor = "multi_thread")]
async fn a_replica_that_is_cut_off_says_nothing_and_sends_its_streams_away_to_where_a_revocation_is_known() {
    let stage = Stage::new().await;
    let proxy = TcpProxy::start(stage.db.server_addr()).await.unwrap();
    let quick = |config: &mut PushConfig| {
        config.bookmark_interval = Duration::from_millis(200);
        config.blind_limit = Duration::from_secs(3);
    };
    let via = Some(proxy.addr());
    let cut_off = stage.replica_like(Like { listens_via: via, works_via: via, ..Like::with(quick) }).await;
    let other = stage.replica().await;
    let mut stream = Subscription::open(cut_off.address, "gateway", "").await;
    Publisher::connect(other.address).await.one(event("test", "before")).await;
    assert_eq!(stream.take(1).await.iter().map(mark).collect::<Vec<_>>(), ["before"]);
    assert!(matches!(stream.frame().await.unwrap().unwrap().kind, Some(Kind::Bookmark(_))), "it looks, and says so");

    proxy.stall();
    let user = UserId::new();
    stage.invalidate(user, &[], "elsewhere").await;
    // From here on it cannot have looked: at most the bookmark of a look that had begun before.
    let (frames, code) = stream.end().await;
    assert_eq!(code, Some(Code::Unavailable), "{frames:?}");
    assert!(frames.len() <= 1, "bookmarks without a look: {frames:?}");
    let refused = Subscription::try_open(cut_off.address, "gateway", &stream.held).await.err().expect("it is blind");
    assert_eq!(refused.code(), Code::Unavailable, "{refused:?}");

    let mut resumed = Subscription::open(other.address, "gateway", &stream.held).await;
    let told = resumed.take(1).await.remove(0);
    assert!(matches!(&told.kind, Some(Kind::SessionInvalidation(i)) if i.user_id == user.to_string()), "{told:?}");

    proxy.restore().await.unwrap();
    let mut back = eventually(PATIENCE, "it takes streams again", || async {
        Subscription::try_open(cut_off.address, "back", &stream.held).await
    })
    .await;
    assert!(matches!(back.take(1).await[0].kind, Some(Kind::SessionInvalidation(_))));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cursor_ahead_of_a_replica_that_lags_is_no_cursor_from_the_future() {
    let stage = Stage::new().await;
    let proxy = TcpProxy::start(stage.db.server_addr()).await.unwrap();
    // It may ask, but it follows the log no further: its own connections are those of before.
    let lagging = stage.replica_like(Like { works_via: Some(proxy.addr()), ..Like::default() }).await;
    let other = stage.replica().await;
    let mut stream = Subscription::open(other.address, "gateway", "").await;
    proxy.freeze();
    Publisher::connect(other.address).await.one(event("test", "news")).await;
    stream.take(1).await;
    // A connection that was used a moment ago is trusted, and may be one of those: a gateway that is refused comes again.
    let mut resumed = eventually(PATIENCE, "a place at the replica that lags", || {
        Subscription::try_open(lagging.address, "gateway", &stream.held)
    })
    .await;
    Publisher::connect(other.address).await.one(event("test", "more")).await;
    assert_eq!(resumed.take(1).await.iter().map(mark).collect::<Vec<_>>(), ["more"], "no gap, nothing twice");
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
