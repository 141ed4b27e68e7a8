//! The way to the hub over TLS, on which both sides say who they are.

use std::path::PathBuf;

use api_server::config::TlsConfig;
use notify_worker::config::{HubConfig, HubTls};
use shared::config::Certificate;
use shared::domain::notification::{Audience, Payload};
use shared::secret::Secret;
use testkit::eventually;
use testkit::tls::{Authority, Certified};

use crate::subscriber::Subscriber;
use crate::world::{SOON, WORKER, World};

fn by(address: std::net::SocketAddr, roots: &Authority, client: Option<&Certified>) -> HubConfig {
    let tls = HubTls {
        roots: Some(roots.pem().into_bytes()),
        cert: client.map(|c| c.cert.clone().into_bytes()),
        key: client.map(|c| Secret::new(c.key.clone().into_bytes())),
    };
    let url = format!("https://localhost:{}", address.port());
    HubConfig { url, token: Some(Secret::new(WORKER.to_owned())), tls }
}

#[tokio::test]
async fn events_go_over_mutual_tls_and_to_nobody_who_cannot_prove_to_be_the_hub() {
    let world = World::new().await;
    let (authority, stranger) = (Authority::new("ours").unwrap(), Authority::new("theirs").unwrap());
    let server = authority.server().unwrap();
    let dir = tempfile::tempdir().unwrap();
    let file = |name: &str, text: &str| -> PathBuf {
        let path = dir.path().join(name);
        std::fs::write(&path, text).unwrap();
        path
    };
    let files = TlsConfig {
        own: Certificate { cert: file("tls.crt", &server.cert), key: file("tls.key", &server.key) },
        client_ca: Some(file("clients.pem", &authority.pem())),
    };
    let tls = api_server::tls::load(Some(&files)).unwrap().map(|both| both.grpc);
    let (_hub, address) = world.hub_with(tls).await;
    // The subscriber follows another replica, in plain text: this is about the worker.
    let (_plain, open) = world.hub().await;
    let subscriber = Subscriber::start(open).await;
    let user = world.accounts(1, false).await[0];
    let news = Payload::LobbyRaceNameExpired { race_name: "Vega".to_owned() };
    let id = world.produce(news, Audience::Users(vec![user]), None).await;

    let ours = authority.client("notify-worker").unwrap();
    let forged = stranger.client("notify-worker").unwrap();
    for (what, way) in [
        ("the hub's certificate is none of ours", by(address, &stranger, Some(&ours))),
        ("we show no certificate", by(address, &authority, None)),
        ("we show one of a strange authority", by(address, &authority, Some(&forged))),
    ] {
        let worker = world.worker_by(way);
        eventually(SOON, what, || async {
            let report = worker.health.report();
            report.parts.iter().any(|p| p.name == "hub" && p.reason.as_ref().is_some_and(|r| r.contains("push hub")))
        })
        .await;
        worker.stop().await;
    }
    assert_eq!(subscriber.len(), 0);
    assert_eq!(world.count("SELECT count(*) FROM notification_routes WHERE failures > 0").await, 0);

    let _worker = world.worker_by(by(address, &authority, Some(&ours)));
    subscriber.has(1).await;
    world.settles(id, &[("push", "delivered", 1)]).await;
}
