//! SIGTERM with `BACKEND_SHUTDOWN_DELAY` (docs/processes.md): unready first, listeners closed after it.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use reqwest::header::{CONNECTION, HeaderMap};
use testkit::{TestDb, eventually};
use tokio::net::TcpStream;

use crate::binary::Binary;

const SOON: Duration = Duration::from_secs(90);
const DELAY: Duration = Duration::from_secs(5);

/// Asks over a connection of its own.
async fn get(from: SocketAddr, path: &str) -> reqwest::Result<(u16, HeaderMap, String)> {
    let answer = reqwest::get(format!("http://{from}{path}")).await?;
    let (status, headers) = (answer.status().as_u16(), answer.headers().clone());
    Ok((status, headers, answer.text().await?))
}

#[tokio::test]
async fn a_replica_that_is_to_end_is_unready_first_and_serves_on_for_the_delay() {
    let db = TestDb::new().await;
    let mut replica = Binary::start(&db, &[("BACKEND_SHUTDOWN_DELAY", "5s")]);
    replica.ready().await;
    let (rest, ops) = (replica.rest, replica.ops);
    let (status, headers, _) = get(rest, "/healthz").await.unwrap();
    assert_eq!((status, headers.get(CONNECTION)), (200, None));

    let asked = Instant::now();
    replica.process.terminate();
    eventually(SOON, "it is not ready", || async {
        match get(ops, "/readyz").await {
            Ok((503, _, body)) if body.contains("stopping") => Ok(()),
            other => Err(format!("{other:?}")),
        }
    })
    .await;
    let (status, headers, body) = get(rest, "/healthz").await.expect("new connections are taken");
    assert_eq!(status, 200, "{body}");
    assert_eq!(headers.get(CONNECTION).map(|value| value.as_bytes()), Some(&b"close"[..]), "it is the last answer");
    assert_eq!(get(rest, "/readyz").await.unwrap().0, 503, "REST says the same");
    assert!(replica.process.is_running());

    let status = replica.process.wait_exit(SOON).await.unwrap();
    assert!(status.success(), "{status}: {}", replica.process.tail(20));
    assert!(asked.elapsed() >= DELAY, "{:?}", asked.elapsed());
    assert!(TcpStream::connect(rest).await.is_err(), "nobody listens any more");
    db.close().await;
}
