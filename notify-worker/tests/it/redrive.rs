//! What an administrator re-drives really arrives.

use shared::db::notifications::{DeadLetterFilter, pick, pick_one, redrive};
use shared::domain::notification::{Audience, Payload, RouteStatus};
use shared::queue::Topic;
use testkit::eventually;
use uuid::Uuid;

use crate::subscriber::Subscriber;
use crate::world::{SOON, WorkerLike, World};

/// As the administrator's request does it.
async fn set_going(world: &World, id: Uuid) {
    let mut tx = world.pool().begin().await.unwrap();
    let picked = pick_one(&mut tx, id, RouteStatus::DEAD).await.unwrap().expect("it is there").expect("it is dead");
    assert_eq!(redrive(&mut tx, &picked).await.unwrap(), 1);
    tx.commit().await.unwrap();
    world.waker.wake(Topic::Notifications);
    world.waker.wake(Topic::Routes);
}

#[tokio::test]
async fn a_redriven_route_reaches_the_hub_out_of_its_games_order() {
    let world = World::new().await;
    let (_hub, address) = world.hub().await;
    let subscriber = Subscriber::start(address).await;
    let user = world.accounts(1, false).await[0];
    let game_id = world.game(&[user]).await;
    let turn = |turn| Payload::GameTurnReady { game_id, turn };
    // The hub takes 512 bytes of request id and no more: the first dies, the next goes on.
    let poison = "x".repeat(600);
    let first = world.produce_keyed(&poison, turn(1), Audience::GameMembers, Some(game_id)).await;
    let _worker = world.worker(address, &WorkerLike::default());
    world.settles(first, &[("push", "dead_lettered", 1)]).await;
    let second = world.produce(turn(2), Audience::GameMembers, Some(game_id)).await;
    world.settles(second, &[("push", "delivered", 1)]).await;
    // What was wrong is mended.
    sqlx::query("UPDATE notifications SET idempotency_key = 'mended' WHERE notification_id = $1")
        .bind(first)
        .execute(&world.pool())
        .await
        .unwrap();
    let (route, attempts): (Uuid, i32) =
        sqlx::query_as("SELECT route_id, attempt_no FROM notification_routes WHERE notification_id = $1")
            .bind(first)
            .fetch_one(&world.pool())
            .await
            .unwrap();
    set_going(&world, route).await;
    world.settles(first, &[("push", "delivered", 1)]).await;
    subscriber.has(2).await;
    assert_eq!(subscriber.payloads(user), [turn(2), turn(1)]);
    assert_eq!(subscriber.events()[1].event_id, route.to_string());
    let (now, failures, ordered): (i32, i32, bool) = sqlx::query_as(
        "SELECT attempt_no, failures, game_seq IS NOT NULL FROM notification_routes WHERE route_id = $1",
    )
    .bind(route)
    .fetch_one(&world.pool())
    .await
    .unwrap();
    assert_eq!((now, failures, ordered), (attempts + 1, 0, false));
    // The game goes on in order.
    let third = world.produce(turn(3), Audience::GameMembers, Some(game_id)).await;
    world.settles(third, &[("push", "delivered", 1)]).await;
}

#[tokio::test]
async fn a_notification_that_died_is_expanded_once_it_is_redriven_and_holds_nobody_up() {
    let world = World::new().await;
    let (_hub, address) = world.hub().await;
    let subscriber = Subscriber::start(address).await;
    let users = world.accounts(3, false).await;
    let game_id = world.game(&users).await;
    let turn = |turn| Payload::GameTurnReady { game_id, turn };
    let early = world.produce(turn(1), Audience::GameMembers, Some(game_id)).await;
    // Of a newer version, as in the middle of a deployment.
    sqlx::query("UPDATE notifications SET kind = 'game.of_tomorrow' WHERE notification_id = $1")
        .bind(early)
        .execute(&world.pool())
        .await
        .unwrap();
    let _worker = world.worker(address, &WorkerLike::default());
    eventually(SOON, "it is dead", || async { world.status(early).await == "dead_lettered" }).await;
    let late = world.produce(turn(2), Audience::GameMembers, Some(game_id)).await;
    world.settles(late, &[("push", "delivered", 3)]).await;
    sqlx::query("UPDATE notifications SET kind = 'game.turn.ready' WHERE notification_id = $1")
        .bind(early)
        .execute(&world.pool())
        .await
        .unwrap();
    set_going(&world, early).await;
    world.settles(early, &[("push", "delivered", 3)]).await;
    world.expands(early).await;
    subscriber.has(6).await;
    for user in users {
        assert_eq!(subscriber.payloads(user), [turn(2), turn(1)]);
    }
}

#[tokio::test]
async fn redriving_all_that_died_while_the_worker_goes_on_delivers_each_once() {
    let world = World::new().await;
    let (_hub, address) = world.hub().await;
    let subscriber = Subscriber::start(address).await;
    let users = world.accounts(40, false).await;
    let poison = "x".repeat(600);
    let news = |n: usize| Payload::LobbyRaceNameRegistered { race_name: format!("Vega {n}") };
    for (n, user) in users.iter().enumerate() {
        world.produce_keyed(&format!("{poison}{n}"), news(n), Audience::Users(vec![*user]), None).await;
    }
    let _worker = world.worker(address, &WorkerLike::default());
    eventually(SOON, "all are dead", || async {
        world.count("SELECT count(*) FROM notification_routes WHERE status = 'dead_lettered'").await == 40
    })
    .await;
    sqlx::query("UPDATE notifications SET idempotency_key = right(idempotency_key, 4)")
        .execute(&world.pool())
        .await
        .unwrap();
    let administrator = || async {
        eventually(SOON, "nothing is dead", || async {
            let mut tx = world.pool().begin().await.unwrap();
            let picked = pick(&mut tx, &DeadLetterFilter::default(), 7).await.unwrap();
            let done = redrive(&mut tx, &picked).await.unwrap();
            tx.commit().await.unwrap();
            world.waker.wake(Topic::Routes);
            if picked.matched == 0 { Ok(()) } else { Err(done) }
        })
        .await;
    };
    tokio::join!(administrator(), administrator(), administrator());
    subscriber.has(40).await;
    eventually(SOON, "all are delivered", || async {
        world.count("SELECT count(*) FROM notification_routes WHERE status = 'delivered' AND attempt_no = 2").await
            == 40
    })
    .await;
    assert_eq!(subscriber.len(), 40, "each once");
}
