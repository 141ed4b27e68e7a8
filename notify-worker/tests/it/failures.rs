//! Rows that cannot be worked die visibly, and alone.

use std::time::Duration;

use shared::domain::notification::{Audience, Payload};
use testkit::eventually;

use crate::subscriber::Subscriber;
use crate::world::{SOON, WorkerLike, World};

#[tokio::test]
async fn a_poison_event_is_dead_lettered_and_its_batch_delivered() {
    let world = World::new().await;
    let (_hub, address) = world.hub().await;
    let subscriber = Subscriber::start(address).await;
    let users = world.accounts(40, false).await;
    let news = |n: usize| Payload::LobbyRaceNameRegistered { race_name: format!("Vega {n}") };
    // The hub takes 512 bytes of request id and no more; two of forty have a longer one.
    let mut poison = Vec::new();
    for (n, user) in users.iter().enumerate() {
        let key = if n % 20 == 7 { "x".repeat(600 + n) } else { format!("key-{n}") };
        let id = world.produce_keyed(&key, news(n), Audience::Users(vec![*user]), None).await;
        if n % 20 == 7 {
            poison.push(id);
        }
    }
    let _worker = world.worker(address, &WorkerLike::default());
    subscriber.has(38).await;
    for id in poison {
        world.settles(id, &[("push", "dead_lettered", 1)]).await;
    }
    let dead: Vec<(String, i32)> =
        sqlx::query_as("SELECT last_error, failures FROM notification_routes WHERE status = 'dead_lettered'")
            .fetch_all(&world.pool())
            .await
            .unwrap();
    assert!(dead.iter().all(|(error, _)| error.contains("request_id")), "{dead:?}");
    assert_eq!(
        world.count("SELECT count(*) FROM notification_routes WHERE status = 'delivered' AND failures = 0").await,
        38
    );
    assert_eq!(subscriber.len(), 38);
}

#[tokio::test]
async fn what_cannot_be_read_dies_visibly_and_the_next_of_the_game_goes_on() {
    let world = World::new().await;
    let (_hub, address) = world.hub().await;
    let subscriber = Subscriber::start(address).await;
    let user = world.accounts(1, false).await[0];
    let game_id = world.game(&[user]).await;
    let turn = |turn| Payload::GameTurnReady { game_id, turn };
    let broken = world.produce(turn(1), Audience::GameMembers, Some(game_id)).await;
    let unknown = world.produce(turn(2), Audience::GameMembers, Some(game_id)).await;
    let good = world.produce(turn(3), Audience::GameMembers, Some(game_id)).await;
    sqlx::query("UPDATE notifications SET payload = '{\"turn\": \"first\"}' WHERE notification_id = $1")
        .bind(broken)
        .execute(&world.pool())
        .await
        .unwrap();
    sqlx::query("UPDATE notifications SET kind = 'game.of_tomorrow' WHERE notification_id = $1")
        .bind(unknown)
        .execute(&world.pool())
        .await
        .unwrap();
    let _worker = world.worker(address, &WorkerLike::default());
    world.settles(good, &[("push", "delivered", 1)]).await;
    assert_eq!(world.status(broken).await, "dead_lettered");
    assert_eq!(world.status(unknown).await, "dead_lettered");
    subscriber.has(1).await;
    assert_eq!(subscriber.payloads(user), [turn(3)]);
}

#[tokio::test]
async fn a_route_of_a_kind_that_this_build_does_not_know_goes_out_as_json() {
    let world = World::new().await;
    let (_hub, address) = world.hub().await;
    let subscriber = Subscriber::start(address).await;
    let user = world.accounts(1, false).await[0];
    let game_id = world.game(&[user]).await;
    // As in the middle of a deployment: a newer worker expanded it, an older one dispatches.
    let id = world.produce(Payload::GameTurnReady { game_id, turn: 1 }, Audience::GameMembers, Some(game_id)).await;
    sqlx::query(
        "WITH n AS (UPDATE notifications SET kind = 'game.of_tomorrow', status = 'expanded', finished_at = now()
             WHERE notification_id = $1 RETURNING *)
         INSERT INTO notification_routes (route_id, notification_id, channel, user_id)
             SELECT gen_random_uuid(), notification_id, 'push', $2 FROM n",
    )
    .bind(id)
    .bind(user.uuid())
    .execute(&world.pool())
    .await
    .unwrap();
    let _worker = world.worker(address, &WorkerLike::default());
    subscriber.has(1).await;
    let event = subscriber.events().remove(0);
    assert_eq!((event.kind.as_str(), event.encoding.as_str()), ("game.of_tomorrow", "json"));
    let payload: serde_json::Value = serde_json::from_slice(&event.payload).unwrap();
    assert_eq!(payload, serde_json::json!({ "game_id": game_id, "turn": 1 }));
}

#[tokio::test]
async fn finished_notifications_are_removed_with_their_routes_by_age() {
    let world = World::new().await;
    let (_hub, address) = world.hub().await;
    let user = world.accounts(1, false).await[0];
    let news = |n: u32| Payload::LobbyRaceNameExpired { race_name: format!("Vega {n}") };
    let mut ids = Vec::new();
    let first = world.worker(address, &WorkerLike::default());
    for n in 0..3 {
        let id = world.produce(news(n), Audience::Users(vec![user]), None).await;
        world.settles(id, &[("push", "delivered", 1)]).await;
        ids.push(id);
    }
    first.stop().await;
    // The first is old, the second's route was decided lately (re-driven), the third is young: of tomorrow, so that it
    // stays young while the test runs.
    let rows = [(ids[0], "-2 hours", "-2 hours"), (ids[1], "-2 hours", "1 day"), (ids[2], "1 day", "1 day")];
    for (id, notification, route) in rows {
        sqlx::query("UPDATE notifications SET finished_at = now() + $2::interval WHERE notification_id = $1")
            .bind(id)
            .bind(notification)
            .execute(&world.pool())
            .await
            .unwrap();
        sqlx::query("UPDATE notification_routes SET finished_at = now() + $2::interval WHERE notification_id = $1")
            .bind(id)
            .bind(route)
            .execute(&world.pool())
            .await
            .unwrap();
    }
    // A short retention is looked after often.
    let _worker = world.worker(address, &WorkerLike { retention: Duration::from_secs(1), ..WorkerLike::default() });
    eventually(SOON, "the old one is gone", || async { world.count("SELECT count(*) FROM notifications").await == 2 })
        .await;
    assert_eq!(world.count("SELECT count(*) FROM notification_routes").await, 2);
    assert_eq!(world.status(ids[1]).await, "expanded");
}
