//! What carries a notification from the producer's commit to the subscriber: wake-ups, all the way.

use shared::db::notifications::{NewNotification, produce};
use shared::domain::notification::{Audience, Payload};
use shared::queue::Topic;

use crate::subscriber::Subscriber;
use crate::world::{WorkerLike, World};

#[tokio::test]
async fn an_event_is_at_the_subscriber_without_any_scan() {
    const N: usize = 20;
    let world = World::new().await;
    let (_hub, address) = world.hub().await;
    let subscriber = Subscriber::start(address).await;
    let users = world.accounts(4, false).await;
    let game_id = world.game(&users).await;
    let _worker = world.worker(address, &WorkerLike::hardly_scanning());
    for n in 0..N {
        let new = NewNotification {
            payload: Payload::GameTurnReady { game_id, turn: n as u32 },
            idempotency_key: format!("n-{n}"),
            audience: Audience::GameMembers,
            game_id: Some(game_id),
            request_id: None,
            traceparent: None,
        };
        let mut tx = world.pool().begin().await.unwrap();
        produce(&mut tx, new).await.unwrap();
        tx.commit().await.unwrap();
        world.waker.wake(Topic::Notifications);
        subscriber.has((n + 1) * users.len()).await;
    }
}
