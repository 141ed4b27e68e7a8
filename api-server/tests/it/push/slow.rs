use std::time::Duration;

use shared::proto::push::ClientEvent;
use shared::proto::push::push_event::Kind;
use shared::proto::push::resume_gap::Reason;
use testkit::proxy::TcpProxy;
use testkit::{TestDb, eventually};
use tonic::transport::Endpoint;

use super::{PATIENCE, PushConfig, Replica, Sub, config, event, metric, parts};

const EVENTS: usize = 300;

fn big(user: &str) -> ClientEvent {
    ClientEvent { payload: vec![9; 60_000].into(), ..event(user) }
}

/// Publishes 18 MB: far more than the sockets, the windows and the ring hold together.
async fn flood(replica: &Replica) {
    for i in 0..EVENTS / 50 {
        let batch = (0..50).map(|j| big(&format!("{}", i * 50 + j))).collect();
        replica.publish(batch).await.unwrap();
    }
}

async fn sluggish(replica: &Replica, client: &str) -> Sub {
    let window = 65_535;
    let endpoint = replica.endpoint().initial_stream_window_size(window).initial_connection_window_size(window);
    Sub::open(endpoint.connect().await.unwrap(), client, "").await.unwrap()
}

#[tokio::test]
async fn a_slow_stream_holds_nobody_up_and_loses_nothing_that_is_kept() {
    let db = TestDb::new().await;
    let replica = Replica::start_with(&db, PushConfig { ring_bytes: 1 << 20, ..config() }).await;
    let mut slow = sluggish(&replica, "slow").await;
    let mut quick = replica.subscribe("quick", "").await;
    let reading = async { quick.marks(EVENTS).await };
    let (_, users) = tokio::join!(flood(&replica), reading);
    assert_eq!(users.len(), EVENTS);
    replica.push("after").await;
    // The slow one has read nothing yet, and reads nothing before the quick one has it.
    assert_eq!(quick.marks(1).await, ["after"]);
    // It was demoted to the table, reads all of it, and is promoted at the head.
    let expected: Vec<String> = (0..EVENTS).map(|i| i.to_string()).chain(["after".to_owned()]).collect();
    assert_eq!(slow.marks(EVENTS + 1).await, expected);
    replica.push("live").await;
    assert_eq!(slow.marks(1).await, ["live"]);
}

#[tokio::test]
async fn one_that_falls_behind_what_is_kept_is_told_counted_and_goes_on() {
    let db = TestDb::new().await;
    let short = PushConfig {
        ring_bytes: 1 << 20,
        freshness_window: Duration::from_secs(1),
        retention_interval: Duration::from_millis(200),
        ..config()
    };
    let replica = Replica::start_with(&db, short).await;
    let client = "lagging";
    let mut slow = sluggish(&replica, client).await;
    let begin = parts(&slow.cursor).1;
    flood(&replica).await;
    let head = replica.push("newest of the flood").await;
    eventually(PATIENCE, "the flood has expired", || async {
        let ticks: i64 = sqlx::query_scalar("SELECT count(*) FROM push_ticks").fetch_one(&db.pool()).await.unwrap();
        ticks == 1
    })
    .await;
    let (mut got, mut lost) = (0, 0);
    while slow.cursor < head {
        let before = parts(&slow.cursor).1;
        match slow.next().await {
            Kind::ClientEvent(_) => got += 1,
            Kind::ResumeGap(gap) => {
                assert_eq!(gap.reason(), Reason::Lagged);
                lost += parts(&slow.cursor).1 - before;
            }
            other => panic!("{other:?}"),
        }
    }
    assert!(lost > 0, "more fits into the buffers than was thought");
    assert_eq!(begin + got + lost, parts(&head).1, "every event is either delivered or told as lost");
    assert_eq!(metric("grpc_push_dropped_total", "gateway_client_id", client), lost as f64);
    replica.push("next").await;
    assert_eq!(slow.marks(1).await, ["next"]);
}

/// Whether a replica goes on to say how far the one stream is, and has long had nothing to say of the other.
async fn lives_alone(db: &TestDb, lives: &str, other: &str) -> bool {
    // One statement writes both down, as long as there are both.
    let alone = "SELECT coalesce(max(seen_at) FILTER (WHERE gateway_client_id = $1)
                               - max(seen_at) FILTER (WHERE gateway_client_id = $2) > interval '3 s', false)
                   FROM push_subscribers";
    sqlx::query_scalar(alone).bind(lives).bind(other).fetch_one(&db.pool()).await.unwrap()
}

#[tokio::test]
async fn a_gateway_whose_host_vanished_is_let_go_and_finds_what_it_missed_when_it_is_back() {
    let db = TestDb::new().await;
    let often = PushConfig { report_interval: Duration::from_millis(100), ..config() };
    let replica = Replica::start_with(&db, often).await;
    let proxy = TcpProxy::start(replica.addr).await.unwrap();
    let endpoint = Endpoint::from_shared(format!("http://{}", proxy.addr())).unwrap();
    let mut gone = Sub::open(endpoint.connect().await.unwrap(), "gone", "").await.unwrap();
    let mut stays = replica.subscribe("stays", "").await;
    replica.push("before").await;
    assert_eq!(gone.marks(1).await, ["before"]);
    assert_eq!(stays.marks(1).await, ["before"]);

    // No packet of it comes any more, not even that it ends.
    proxy.stall();
    replica.push("meanwhile").await;
    assert_eq!(stays.marks(1).await, ["meanwhile"], "it holds nobody up");
    eventually(PATIENCE, "its stream is let go", || lives_alone(&db, "stays", "gone")).await;
    replica.push("after").await;
    assert_eq!(stays.marks(1).await, ["after"]);

    let mut back = replica.subscribe("gone", &gone.cursor).await;
    assert_eq!(back.marks(2).await, ["meanwhile", "after"]);
}
