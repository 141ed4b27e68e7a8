//! When a connection without a request ends, and when it does not.

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::LIMIT;
use crate::harness::Api;
use testkit::hostile::{Alive, connect, get};

const REQUEST: &[u8] = b"GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n";

async fn answered(peer: &mut TcpStream) -> String {
    let mut answer = vec![0; 4096];
    let read = tokio::time::timeout(LIMIT, peer.read(&mut answer)).await.expect("an answer").unwrap();
    String::from_utf8_lossy(&answer[..read]).into_owned()
}

async fn ended(peer: &mut TcpStream) {
    assert_eq!(tokio::time::timeout(LIMIT, peer.read(&mut [0; 64])).await.expect("the end").unwrap_or(0), 0);
}

/// Balancers keep a connection for 60 s; the time for a head must not be theirs.
#[tokio::test]
async fn a_connection_at_rest_outlives_the_time_for_a_head() {
    // It runs from when the connection was taken: any machine has read the first head by then.
    let api = Api::start_with(&[("BACKEND_HTTP_READ_TIMEOUT", "15s"), ("BACKEND_HTTP_IDLE_TIMEOUT", "10m")]).await;
    let mut peer = TcpStream::connect(api.rest).await.unwrap();
    peer.write_all(REQUEST).await.unwrap();
    assert!(answered(&mut peer).await.starts_with("HTTP/1.1 200"));
    // Whoever began to speak after that, and did not go on, has had the time for a head.
    let mut half = connect(api.rest, b"GET /healthz HTTP/1.1\r\n").await.unwrap();
    ended(&mut half).await;
    peer.write_all(REQUEST).await.unwrap();
    assert!(answered(&mut peer).await.starts_with("HTTP/1.1 200"));
    // And a second head that does not end is waited for no longer than the first.
    peer.write_all(b"GET /healthz HTTP/1.1\r\n").await.unwrap();
    ended(&mut peer).await;
}

#[tokio::test]
async fn idle_connections_of_either_version_end() {
    let api = Api::start_with(&[("BACKEND_HTTP_IDLE_TIMEOUT", "300ms")]).await;
    let mut http1 = connect(api.rest, REQUEST).await.unwrap();
    assert!(answered(&mut http1).await.starts_with("HTTP/1.1 200"));
    let end = tokio::time::timeout(LIMIT, http1.read(&mut [0; 64])).await.expect("HTTP/1 stays open");
    assert_eq!(end.unwrap_or(0), 0);
    for listener in [api.rest, api.grpc] {
        let peer = Alive::connect(listener, 65_535, &get(1, "/healthz")).await.unwrap();
        let ended = tokio::time::timeout(LIMIT, peer.ended()).await.expect("HTTP/2 stays open");
        assert!(ended.goaway, "it is told: {ended:?}");
    }
}

#[tokio::test]
async fn a_head_that_may_be_read_in_two_ways_is_refused() {
    let api = Api::start().await;
    let head = "POST /api/v1/public/auth/send-email-code HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n";
    let both = format!("{head}content-length: 2\r\ntransfer-encoding: chunked\r\n\r\n2\r\n{{}}\r\n0\r\n\r\n");
    let other = format!("{head}transfer-encoding: chunked\r\ncontent-length: 12\r\n\r\n2\r\n{{}}\r\n0\r\n\r\n");
    let behind = format!("GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n{both}");
    let coded = |codings: &str| format!("{head}{codings}\r\n\r\n2\r\n{{}}\r\n0\r\n\r\n");
    for (sent, what) in [
        (&both, "length first"),
        (&other, "length second"),
        (&behind, "pipelined"),
        (&coded("transfer-encoding: gzip, chunked"), "another coding"),
        (&coded("transfer-encoding: chunked, chunked"), "chunked in chunked"),
        (&coded("transfer-encoding: chunked\r\ntransfer-encoding: chunked"), "a coding given twice"),
    ] {
        let mut peer = TcpStream::connect(api.rest).await.unwrap();
        peer.write_all(sent.as_bytes()).await.unwrap();
        let mut answer = Vec::new();
        tokio::time::timeout(LIMIT, peer.read_to_end(&mut answer)).await.expect("it closes").unwrap();
        let answer = String::from_utf8_lossy(&answer);
        assert!(answer.contains("HTTP/1.1 400"), "{what}: {answer}");
        assert!(answer.contains("\"code\":\"invalid_request\""), "{what}: {answer}");
    }
    let mut peer = TcpStream::connect(api.rest).await.unwrap();
    peer.write_all(b"GET /api/v1/public/nothing HTTP/1.1\r\n\r\n").await.unwrap();
    assert!(answered(&mut peer).await.starts_with("HTTP/1.1 400"), "no host");
    // One chunked body after another is nobody's fault.
    let mut peer = TcpStream::connect(api.rest).await.unwrap();
    for _ in 0..2 {
        peer.write_all(format!("{head}transfer-encoding: chunked\r\n\r\n2\r\n{{}}\r\n0\r\n\r\n").as_bytes())
            .await
            .unwrap();
        let answer = answered(&mut peer).await;
        assert!(answer.contains("\"/email\""), "its content is judged: {answer}");
    }
}
