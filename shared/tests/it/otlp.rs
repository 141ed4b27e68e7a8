//! Telemetry to a collector over TLS, from the service frame as a process.

use std::sync::Arc;
use std::time::Duration;

use testkit::TestDb;
use testkit::process::Proc;
use testkit::tls::{Authority, Certified};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio_rustls::TlsAcceptor;

use crate::service::frame_on;

const SOON: Duration = Duration::from_secs(90);

/// A collector that tells how each connection begins: the first bytes, or why there was no handshake.
async fn collector(certified: &Certified) -> (u16, mpsc::UnboundedReceiver<Result<String, String>>) {
    let mut config = certified.server_config().unwrap();
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let (told, heard) = mpsc::unbounded_channel();
    tokio::spawn(async move {
        while let Ok((tcp, _)) = listener.accept().await {
            let (acceptor, told) = (acceptor.clone(), told.clone());
            tokio::spawn(async move {
                let begun = match acceptor.accept(tcp).await {
                    Ok(mut tls) => {
                        let mut bytes = [0; 24];
                        let read = tls.read_exact(&mut bytes).await;
                        let _ = tls.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").await;
                        read.map(|_| String::from_utf8_lossy(&bytes).into_owned()).map_err(|e| e.to_string())
                    }
                    Err(error) => Err(error.to_string()),
                };
                let _ = told.send(begun);
            });
        }
    });
    (port, heard)
}

#[tokio::test]
async fn telemetry_goes_over_tls_to_a_collector_that_the_systems_roots_vouch_for_and_to_no_other() {
    let db = TestDb::new().await;
    let (ours, theirs) = (Authority::new("ours").unwrap(), Authority::new("theirs").unwrap());
    let dir = tempfile::tempdir().unwrap();
    let roots = dir.path().join("roots.pem");
    std::fs::write(&roots, ours.pem()).unwrap();
    for (protocol, authority, expected) in [
        ("grpc", &ours, Some("PRI * HTTP/2.0")),
        ("http/protobuf", &ours, Some("POST /v1/metrics HTTP/1.")),
        ("grpc", &theirs, None),
        ("http/protobuf", &theirs, None),
    ] {
        let (port, mut heard) = collector(&authority.server().unwrap()).await;
        let (config, _) = frame_on(&db.dsn());
        let config = config
            .env("BACKEND_OTEL_METRICS_EXPORTER", "otlp")
            .env("BACKEND_OTEL_PROTOCOL", protocol)
            .env("BACKEND_OTEL_ENDPOINT", format!("https://localhost:{port}"))
            // What stands for the system's roots.
            .env("SSL_CERT_FILE", roots.display());
        let mut process = Proc::start(config).unwrap();
        process.wait_for_line(|line| line.contains(r#""msg":"started""#), SOON).await;
        // Its end writes what it has.
        process.terminate();
        let begun = tokio::time::timeout(SOON, heard.recv()).await.expect("it connects").unwrap();
        match expected {
            Some(first) => assert!(begun.as_ref().is_ok_and(|b| b.starts_with(first)), "{protocol}: {begun:?}"),
            None => assert!(begun.is_err(), "{protocol}: {begun:?}"),
        }
        process.wait_exit(SOON).await.unwrap();
    }
    db.close().await;
}
