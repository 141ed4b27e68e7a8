//! Answers that nobody reads.

use std::time::Duration;

use testkit::process::rss_bytes;
use testkit::{TestDb, eventually};
use tokio::io::AsyncWriteExt as _;

use super::{metric, modest, others_are_served, patient};
use testkit::hostile::{connect, get, hold, opening};

/// What the issue showed: one connection, a window of 0, as many `GET /docs` as go.
#[tokio::test]
async fn answers_that_nobody_reads_cost_bounded_memory_and_end() {
    let db = TestDb::new().await;
    let mut replica = patient(&db, &[("BACKEND_HTTP_WRITE_TIMEOUT", "5s")]);
    replica.ready().await;
    let before = rss_bytes(replica.process.pid());
    let ask = |path: &str| -> Vec<u8> { (0..32).flat_map(|n| get(2 * n + 1, path)).collect() };
    let mut held = Vec::new();
    for path in ["/docs", "/openapi.json", "/api/v1/user/account", "/nowhere"] {
        held.extend(hold(replica.rest, 50, &[opening(0), ask(path)].concat()).await);
        modest(&replica);
    }
    others_are_served(&replica).await;
    eventually(super::LIMIT, "they are given up", || async {
        modest(&replica);
        metric(replica.ops, "listener_unread_total", "listener=\"rest\"").await >= 1000.0
    })
    .await;
    drop(held);
    eventually(super::LIMIT, "what they cost comes back", || async {
        let now = rss_bytes(replica.process.pid());
        if now < before + (64 << 20) { Ok(()) } else { Err(format!("{} MiB, {} before", now >> 20, before >> 20)) }
    })
    .await;
}

/// The same over HTTP/1: requests are sent, one behind the other, and no answer is read.
#[tokio::test]
async fn a_client_of_http1_that_stops_reading_is_hung_up_on() {
    let db = TestDb::new().await;
    let mut replica = patient(&db, &[("BACKEND_HTTP_WRITE_TIMEOUT", "5s")]);
    replica.ready().await;
    let request = b"GET /docs HTTP/1.1\r\nhost: x\r\n\r\n".repeat(200);
    let mut peers = tokio::task::JoinSet::new();
    for _ in 0..20 {
        let mut peer = connect(replica.rest, b"").await.unwrap();
        let request = request.clone();
        peers.spawn(async move {
            // Until the socket takes no more, or nobody is there.
            let end = async { while peer.write_all(&request).await.is_ok() {} };
            tokio::time::timeout(Duration::from_secs(60), end).await.is_ok()
        });
    }
    while let Some(ended) = peers.join_next().await {
        assert!(ended.unwrap(), "it is not hung up on");
        modest(&replica);
    }
    others_are_served(&replica).await;
    assert!(metric(replica.ops, "listener_ended_total", "reason=\"unread\"").await > 0.0);
}
