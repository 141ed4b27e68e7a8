//! A broadcast to a hundred thousand: one row for its producer, chunk by chunk for us, and in nobody's way.

use shared::db::notifications::{NewNotification, produce};
use shared::domain::notification::{Audience, Payload};
use shared::ids::{GameId, UserId};
use shared::queue::Topic;
use testkit::eventually;
use uuid::Uuid;

use crate::subscriber::Subscriber;
use crate::world::{SOON, WorkerLike, World};

const ALL: i64 = 100_000;

/// Ordinary notifications, one after another: each is waited for.
struct Ordinary<'a> {
    world: &'a World,
    subscriber: &'a Subscriber,
    game_id: GameId,
    turn: u32,
}

impl Ordinary<'_> {
    async fn one(&mut self) {
        self.turn += 1;
        let key = format!("ordinary-{}", self.turn);
        let payload = Payload::GameTurnReady { game_id: self.game_id, turn: self.turn };
        written(self.world, &key, payload, Audience::GameMembers, Some(self.game_id)).await;
        eventually(SOON, "it arrives", || async { self.subscriber.arrived(&key).is_some() }).await;
    }
}

/// Writes a notification.
async fn written(world: &World, key: &str, payload: Payload, audience: Audience, game_id: Option<GameId>) {
    let new = NewNotification {
        payload,
        idempotency_key: key.to_owned(),
        audience,
        game_id,
        request_id: None,
        traceparent: None,
    };
    let mut tx = world.pool().begin().await.unwrap();
    produce(&mut tx, new).await.unwrap();
    tx.commit().await.unwrap();
    world.waker.wake(Topic::Notifications);
}

async fn many_accounts(world: &World) {
    sqlx::query(
        "INSERT INTO accounts (user_id, user_name, preferred_language, time_zone)
         SELECT ('00000000-0000-7000-8000-' || lpad(to_hex(n), 12, '0'))::uuid, 'u-' || n, 'en', 'UTC' FROM generate_series(1, $1) AS n",
    )
    .bind(ALL)
    .execute(&world.pool())
    .await
    .unwrap();
}

#[tokio::test]
async fn a_hundred_thousand_recipients_cost_one_row_and_delay_nobody() {
    let world = World::new().await;
    many_accounts(&world).await;
    let (_hub, address) = world.hub().await;
    let subscriber = Subscriber::start(address).await;
    let user: UserId = world.accounts(1, false).await[0];
    let game_id = world.game(&[user]).await;
    let worker = world.worker(address, &WorkerLike::default());
    let mut ordinary = Ordinary { world: &world, subscriber: &subscriber, game_id, turn: 0 };
    ordinary.one().await;

    let before = world.count("SELECT count(*) FROM notifications").await;
    let news = Payload::LobbyRaceNameExpired { race_name: "Vega".to_owned() };
    written(&world, "broadcast", news, Audience::Everyone, None).await;
    assert_eq!(world.count("SELECT count(*) FROM notifications").await, before + 1);
    let broadcast: Uuid =
        sqlx::query_scalar("SELECT notification_id FROM notifications WHERE idempotency_key = 'broadcast'")
            .fetch_one(&world.pool())
            .await
            .unwrap();

    // While it is expanded and its first routes are dispatched. What must not be is that an ordinary one waits for its turn
    // behind the broadcast, or behind what a dead worker left of it: it would arrive when the broadcast is through.
    let mut passed = 0;
    let cursor = "SELECT count(*) FROM notifications WHERE expanded_to >= '00000000-0000-7000-8000-000000004e20'";
    while world.count(cursor).await == 0 {
        ordinary.one().await;
        passed += 1;
    }
    worker.kill();
    assert_ne!(world.status(broadcast).await, "expanded", "the test must catch it in the middle");
    let made = world.count("SELECT count(*) FROM notification_routes WHERE priority = 1").await;
    let _second = world.worker(address, &WorkerLike::default());
    eventually(SOON, "it goes on", || async {
        world.count("SELECT count(*) FROM notification_routes WHERE priority = 1").await > made
    })
    .await;
    let mut passed_after = 0;
    while world.status(broadcast).await != "expanded" {
        ordinary.one().await;
        passed_after += 1;
    }
    println!(
        "{made} routes were made before the kill; {passed} ordinary ones passed before it, {passed_after} after it"
    );
    assert!(passed >= 3 && passed_after >= 3, "{passed} passed the broadcast, {passed_after} after a worker's death");
    let recipients = "SELECT count(DISTINCT user_id) FROM notification_routes WHERE priority = 1 AND channel = 'push'";
    assert_eq!(world.count(recipients).await, ALL + 1, "everybody has a route");
    assert_eq!(
        world.count("SELECT count(*) FROM notification_routes WHERE priority = 1").await,
        ALL + 1,
        "and no second one"
    );
    let twice = "SELECT count(*) FROM notification_routes r JOIN notifications n USING (notification_id) WHERE n.kind = 'game.turn.ready'";
    assert_eq!(world.count(twice).await, i64::from(ordinary.turn));
}
