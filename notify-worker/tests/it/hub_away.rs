//! The hub goes and comes back.

use std::time::Duration;

use shared::domain::notification::{Audience, Payload};
use testkit::eventually;
use testkit::proxy::TcpProxy;

use crate::subscriber::Subscriber;
use crate::world::{SOON, WorkerLike, World};

#[tokio::test]
async fn while_the_hub_is_away_pushes_wait_mails_go_and_nothing_is_lost_or_doubled() {
    let world = World::new().await;
    let (hub, address) = world.hub().await;
    let proxy = TcpProxy::start(address).await.unwrap();
    let users = world.accounts(20, true).await;
    let game_id = world.game(&users).await;
    let first = Subscriber::start(address).await;
    let worker = world.worker(proxy.addr(), &WorkerLike { max_attempts: 2, ..WorkerLike::default() });
    let turn = |turn| Payload::GameTurnReady { game_id, turn };
    let id = world.produce(turn(1), Audience::GameMembers, Some(game_id)).await;
    world.settles(id, &[("push", "delivered", 20)]).await;
    first.has(20).await;

    proxy.cut().await;
    let mut waiting = Vec::new();
    for n in 2..=6 {
        waiting.push(world.produce(turn(n), Audience::GameMembers, Some(game_id)).await);
    }
    let started = world.produce(Payload::GameStarted { game_id }, Audience::GameMembers, Some(game_id)).await;
    eventually(SOON, "the mails go on", || async {
        world.routes(started).await.get(&("email".to_owned(), "delivered".to_owned())) == Some(&20)
    })
    .await;
    eventually(SOON, "readiness says so", || async {
        let report = worker.health.report();
        let degraded = report.parts.iter().any(|p| p.name == "hub" && p.reason.is_some());
        degraded && report.http_status() == 200
    })
    .await;
    assert_eq!(
        world.count("SELECT count(*) FROM notification_routes WHERE channel = 'push' AND status = 'delivered'").await,
        20
    );

    // Another replica takes over, on another address.
    let (_second, other) = world.hub().await;
    proxy.set_upstream(other);
    proxy.restore().await.unwrap();
    for id in waiting {
        world.settles(id, &[("push", "delivered", 20)]).await;
    }
    world.settles(started, &[("push", "delivered", 20), ("email", "delivered", 20)]).await;
    first.has(20 * 7).await;
    assert_eq!(first.len(), 20 * 7, "nothing is doubled");
    for user in &users {
        let turns: Vec<Payload> = (1..=6).map(turn).chain([Payload::GameStarted { game_id }]).collect();
        assert_eq!(first.payloads(*user), turns);
    }
    eventually(SOON, "readiness is well again", || async {
        worker.health.report().parts.iter().all(|p| p.reason.is_none())
    })
    .await;
    assert_eq!(world.count("SELECT count(*) FROM notification_routes WHERE failures > 0").await, 0);
    assert_eq!(world.count("SELECT count(*) FROM mail_deliveries").await, 20);
    drop(hub);
}

#[tokio::test]
async fn what_is_published_on_a_connection_that_went_dead_goes_over_another() {
    let world = World::new().await;
    let (_hub, address) = world.hub().await;
    let proxy = TcpProxy::start(address).await.unwrap();
    let users = world.accounts(1, false).await;
    let game_id = world.game(&users).await;
    let _worker = world.worker(proxy.addr(), &WorkerLike { max_attempts: 1, ..WorkerLike::default() });
    let turn = |turn| Payload::GameTurnReady { game_id, turn };
    let id = world.produce(turn(1), Audience::GameMembers, Some(game_id)).await;
    world.settles(id, &[("push", "delivered", 1)]).await;
    for n in 2..4 {
        // The hub's host is gone without a word, and another has its address.
        let used = proxy.accepted();
        proxy.freeze();
        let id = world.produce(turn(n), Audience::GameMembers, Some(game_id)).await;
        // Less than it takes where nobody asks an idle connection whether it lives, by a quarter of a minute; and twice what it
        // takes on a machine that does nothing else.
        tokio::time::timeout(Duration::from_secs(30), world.settles(id, &[("push", "delivered", 1)]))
            .await
            .expect("it does not wait for the dead connection");
        assert!(proxy.accepted() > used, "over a new connection");
    }
    assert_eq!(world.count("SELECT count(*) FROM notification_routes WHERE failures > 0").await, 0);
}

#[tokio::test]
async fn a_refused_credential_is_an_outage_and_not_the_routes_fault() {
    let world = World::new().await;
    let (_hub, address) = world.hub().await;
    let user = world.accounts(1, false).await[0];
    let worker = world.worker_with_token(address, "not the token");
    let news = Payload::LobbyRaceNameExpired { race_name: "Vega".to_owned() };
    let id = world.produce(news, Audience::Users(vec![user]), None).await;
    eventually(SOON, "it was tried", || async {
        world.count("SELECT count(*) FROM notification_routes WHERE status = 'retrying' AND failures = 0").await == 1
    })
    .await;
    let report = worker.health.report();
    let reason = report.parts.iter().find(|p| p.name == "hub").and_then(|p| p.reason.clone()).unwrap();
    assert!(reason.contains("Unauthenticated") || reason.contains("PermissionDenied"), "{reason}");
    worker.stop().await;
    let _worker = world.worker(address, &WorkerLike::default());
    world.settles(id, &[("push", "delivered", 1)]).await;
}
