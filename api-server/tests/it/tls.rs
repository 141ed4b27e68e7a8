//! REST over TLS (SPEC §4): a client's certificate admits it, and only the token gives it a role.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt as _, Empty};
use hyper::client::conn::http1;
use hyper::{Request, StatusCode};
use hyper_util::rt::TokioIo;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use serde_json::Value;
use tempfile::TempDir;
use testkit::TestDb;
use testkit::tls::{Authority, Certified};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use crate::binary::Binary;
use crate::harness::{GATEWAY_TOKEN, WORKER_TOKEN};

/// A session that there is not: for the gateway to ask for.
const SESSION: &str = "/api/v1/internal/sessions/0190a5a4-0000-7000-8000-000000000000";
const LIMIT: Duration = Duration::from_secs(90);

/// The files that the settings name.
struct Files(TempDir);

impl Files {
    fn new(ours: &Authority) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let server = ours.server().unwrap();
        for (name, text) in [("tls.crt", server.cert), ("tls.key", server.key), ("clients.pem", ours.pem())] {
            std::fs::write(dir.path().join(name), text).unwrap();
        }
        Self(dir)
    }

    async fn replica(&self, db: &TestDb, mutual: bool) -> Binary {
        self.replica_with(db, mutual, &[]).await
    }

    async fn replica_with(&self, db: &TestDb, mutual: bool, more: &[(&str, &str)]) -> Binary {
        let path = |name: &str| self.0.path().join(name).display().to_string();
        let (cert, key, clients) = (path("tls.crt"), path("tls.key"), path("clients.pem"));
        let mut settings = vec![("BACKEND_TLS_CERT", cert.as_str()), ("BACKEND_TLS_KEY", key.as_str())];
        if mutual {
            settings.push(("BACKEND_TLS_CLIENT_CA", clients.as_str()));
        }
        settings.extend(more);
        let mut replica = Binary::start(db, &settings);
        replica.ready().await;
        replica
    }
}

/// Somebody who trusts an authority, and shows a certificate or none.
struct Caller(TlsConnector);

impl Caller {
    fn new(trusts: &Authority, shows: Option<&Certified>) -> Self {
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_slice(trusts.pem().as_bytes()).unwrap()).unwrap();
        let config = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots);
        let config = match shows {
            None => config.with_no_client_auth(),
            Some(shown) => {
                let cert = CertificateDer::from_pem_slice(shown.cert.as_bytes()).unwrap();
                let key = PrivateKeyDer::from_pem_slice(shown.key.as_bytes()).unwrap();
                config.with_client_auth_cert(vec![cert], key).unwrap()
            }
        };
        Self(TlsConnector::from(Arc::new(config)))
    }

    /// One `GET` over a connection of its own: the status, and the body where it is JSON.
    async fn get(&self, to: SocketAddr, path: &str, token: Option<&str>) -> anyhow::Result<(StatusCode, Value)> {
        let exchange = async {
            let socket = TcpStream::connect(to).await?;
            let stream = self.0.connect(ServerName::try_from("localhost")?, socket).await?;
            let (mut sender, connection) = http1::handshake::<_, Empty<Bytes>>(TokioIo::new(stream)).await?;
            tokio::spawn(connection);
            let mut request = Request::get(path).header("host", "localhost");
            if let Some(token) = token {
                request = request.header("authorization", format!("Bearer {token}"));
            }
            // With TLS 1.3 a client learns only here that its certificate was refused.
            let answer = sender.send_request(request.body(Empty::new())?).await?;
            let status = answer.status();
            let body = answer.into_body().collect().await?.to_bytes();
            anyhow::Ok((status, serde_json::from_slice::<Value>(&body).unwrap_or_default()))
        };
        tokio::time::timeout(LIMIT, exchange).await.expect("an answer, or the end of the connection")
    }
}

async fn demands_the_token(replica: &Binary, caller: &Caller) {
    let (status, _) = caller.get(replica.rest, "/healthz", None).await.unwrap();
    assert_eq!(status, StatusCode::OK, "probes are for anyone who is let in");
    for token in [None, Some("wrong"), Some(WORKER_TOKEN)] {
        let (status, problem) = caller.get(replica.rest, SESSION, token).await.unwrap();
        assert_eq!((status.as_u16(), problem["code"].as_str()), (401, Some("credentials_required")), "{token:?}");
    }
    let (status, problem) = caller.get(replica.rest, SESSION, Some(GATEWAY_TOKEN)).await.unwrap();
    assert_eq!((status.as_u16(), problem["code"].as_str()), (404, Some("session_not_found")));
}

#[tokio::test]
async fn with_a_certificate_rest_speaks_tls_alone() {
    let (ours, theirs) = (Authority::new("ours").unwrap(), Authority::new("theirs").unwrap());
    let db = TestDb::new().await;
    let files = Files::new(&ours);
    let replica = files.replica(&db, false).await;
    demands_the_token(&replica, &Caller::new(&ours, None)).await;
    let deceived = Caller::new(&theirs, None).get(replica.rest, "/healthz", None).await;
    assert!(deceived.is_err(), "it shows a certificate of another authority than ours: {deceived:?}");
    let plain = reqwest::get(format!("http://{}/healthz", replica.rest)).await;
    assert!(plain.is_err(), "plain text is answered: {plain:?}");
}

#[tokio::test]
async fn with_client_roots_a_certificate_admits_and_the_token_still_decides() {
    let (ours, theirs) = (Authority::new("ours").unwrap(), Authority::new("theirs").unwrap());
    let db = TestDb::new().await;
    let files = Files::new(&ours);
    let replica = files.replica(&db, true).await;
    let (known, forged) = (ours.client("gateway").unwrap(), theirs.client("gateway").unwrap());
    for (what, shown) in [("no certificate", None), ("a strange authority's certificate", Some(&forged))] {
        // Nor does the right token stand in for it.
        for path in ["/healthz", SESSION] {
            let answer = Caller::new(&ours, shown).get(replica.rest, path, Some(GATEWAY_TOKEN)).await;
            assert!(answer.is_err(), "{what} admits to {path}: {answer:?}");
        }
    }
    demands_the_token(&replica, &Caller::new(&ours, Some(&known))).await;
}

/// The beginning of a ClientHello, and no more of it: from one network, as often as it is let in.
#[tokio::test]
async fn half_handshakes_hold_up_nobody_and_the_probe_of_ourselves_still_gets_through() {
    let ours = Authority::new("ours").unwrap();
    let db = TestDb::new().await;
    let files = Files::new(&ours);
    let few = [("BACKEND_HTTP_MAX_IN_FLIGHT", "4"), ("BACKEND_HTTP_READ_TIMEOUT", "2s")];
    let replica = files.replica_with(&db, true, &few).await;
    let held = testkit::hostile::hold(replica.rest, 300, &[0x16, 0x03, 0x01, 0x02, 0x00, 0x01]).await;
    let shown = ours.client("gateway").unwrap();
    demands_the_token(&replica, &Caller::new(&ours, Some(&shown))).await;
    assert_eq!(reqwest::get(format!("http://{}/readyz", replica.ops)).await.unwrap().status(), 200);
    crate::shares::modest(&replica);
    // Nor does any of them stay.
    for mut peer in held {
        let end = tokio::time::timeout(LIMIT, tokio::io::AsyncReadExt::read(&mut peer, &mut [0; 64])).await;
        assert_eq!(end.expect("a handshake stays open").unwrap_or(0), 0);
    }
}
