//! Answers that nobody reads.

use testkit::{TestDb, eventually};
use tokio::io::AsyncWriteExt as _;

use super::{LIMIT, metric, modest, others_are_served, patient};
use crate::binary::Binary;
use testkit::hostile::{connect, get, hold, opening};
use tokio::net::TcpStream;
use tokio::task::JoinSet;

/// What the issue showed: one connection, a window of 0, as many `GET /docs` as go.
async fn over_http2(replica: &Binary) -> Vec<TcpStream> {
    let ask = |path: &str| -> Vec<u8> { (0..32).flat_map(|n| get(2 * n + 1, path)).collect() };
    let mut held = Vec::new();
    for path in ["/docs", "/openapi.json", "/api/v1/user/account", "/nowhere"] {
        held.extend(hold(replica.rest, 50, &[opening(0), ask(path)].concat()).await);
        modest(replica);
    }
    held
}

/// The same over HTTP/1: requests are sent, one behind the other, until the socket takes no more or nobody is there.
async fn over_http1(replica: &Binary) -> JoinSet<()> {
    let request = b"GET /docs HTTP/1.1\r\nhost: x\r\n\r\n".repeat(200);
    let mut peers = JoinSet::new();
    for _ in 0..20 {
        let mut peer = connect(replica.rest, b"").await.unwrap();
        let request = request.clone();
        peers.spawn(async move { while peer.write_all(&request).await.is_ok() {} });
    }
    peers
}

#[tokio::test]
async fn answers_that_nobody_reads_cost_bounded_memory_and_hold_up_nobody() {
    let db = TestDb::new().await;
    let mut replica = patient(&db, &[]);
    replica.ready().await;
    let held = over_http2(&replica).await;
    others_are_served(&replica).await;
    let peers = over_http1(&replica).await;
    others_are_served(&replica).await;
    drop((held, peers));
}

/// The time for an answer to be read is also the time for a call to be answered: where that is short, nobody else is asked.
#[tokio::test]
async fn answers_that_nobody_reads_end_and_what_they_cost_comes_back() {
    let db = TestDb::new().await;
    let mut replica = patient(&db, &[("BACKEND_HTTP_WRITE_TIMEOUT", "5s")]);
    replica.ready().await;
    let before = replica.process.rss_bytes();
    let held = over_http2(&replica).await;
    eventually(LIMIT, "they are given up", || async {
        modest(&replica);
        metric(replica.ops, "listener_unread_total", "listener=\"rest\"").await >= 1000.0
    })
    .await;
    drop(held);
    eventually(LIMIT, "what they cost comes back", || async {
        let now = replica.process.rss_bytes();
        if now < before + (64 << 20) { Ok(()) } else { Err(format!("{} MiB, {} before", now >> 20, before >> 20)) }
    })
    .await;
    modest(&replica);
}

#[tokio::test]
async fn a_client_of_http1_that_stops_reading_is_hung_up_on() {
    let db = TestDb::new().await;
    let mut replica = patient(&db, &[("BACKEND_HTTP_WRITE_TIMEOUT", "5s")]);
    replica.ready().await;
    let mut peers = over_http1(&replica).await;
    while let Some(ended) = tokio::time::timeout(LIMIT, peers.join_next()).await.expect("it is hung up on") {
        ended.unwrap();
        modest(&replica);
    }
    assert!(metric(replica.ops, "listener_ended_total", "reason=\"unread\"").await > 0.0);
}
