//! The operations listener: probes are answered whoever else asks, and whatever for.

use testkit::TestDb;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use super::{LIMIT, modest, others_are_served, patient};
use testkit::hostile::{connect, hold};

#[tokio::test]
async fn probes_are_answered_while_one_network_asks_all_it_can() {
    let db = TestDb::new().await;
    let mut replica = patient(&db, &[]);
    replica.ready().await;
    let ops = replica.ops;
    let floods: Vec<_> = (0..64)
        .map(|n| {
            tokio::spawn(async move {
                // Half of them ask for metrics, and read none.
                let path = if n % 2 == 0 { "/metrics" } else { "/readyz" };
                let request = format!("GET {path} HTTP/1.1\r\nhost: x\r\n\r\n");
                for _ in 0..u64::MAX {
                    if let Some(mut peer) = connect(ops, request.as_bytes()).await {
                        if n % 2 == 0 {
                            let _ = peer.read(&mut [0; 1]).await;
                        } else {
                            let _ = peer.read_to_end(&mut Vec::new()).await;
                        }
                    }
                    tokio::task::yield_now().await;
                }
            })
        })
        .collect();
    let held = hold(ops, 100, b"GET /metrics HTTP/1.1\r\n").await;
    for _ in 0..5 {
        others_are_served(&replica).await;
    }
    let metrics = super::caller().get(format!("http://{ops}/metrics")).send().await.unwrap();
    assert_eq!(metrics.status(), 200, "a scraper elsewhere is served too");
    floods.iter().for_each(tokio::task::JoinHandle::abort);
    modest(&replica);
    drop(held);
}

#[tokio::test]
async fn a_connection_serves_one_request() {
    let db = TestDb::new().await;
    let mut replica = patient(&db, &[]);
    replica.ready().await;
    let mut peer = connect(replica.ops, b"GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
    let mut answer = String::new();
    tokio::time::timeout(LIMIT, peer.read_to_string(&mut answer)).await.expect("it closes").unwrap();
    assert!(answer.starts_with("HTTP/1.1 200") && answer.contains("connection: close"), "{answer}");
    let _ = peer.write_all(b"GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n").await;
    let mut silent = connect(replica.ops, b"GET /healthz HTTP/1.1\r\n").await.unwrap();
    let end = tokio::time::timeout(LIMIT, silent.read(&mut [0; 64])).await.expect("it stays open");
    assert_eq!(end.unwrap_or(0), 0);
}
