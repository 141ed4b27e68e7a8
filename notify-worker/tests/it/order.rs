//! Pushes of one user and game keep their order.

use shared::domain::notification::{Audience, Payload};
use testkit::proxy::TcpProxy;

use crate::subscriber::Subscriber;
use crate::world::{WorkerLike, World};

#[tokio::test]
async fn order_holds_per_user_and_game_with_two_workers_while_calls_fail() {
    const TURNS: u32 = 60;
    let world = World::new().await;
    let (_hub, address) = world.hub().await;
    let subscriber = Subscriber::start(address).await;
    let users = world.accounts(3, false).await;
    let games = [world.game(&users).await, world.game(&users[..2]).await];
    let proxies = [TcpProxy::start(address).await.unwrap(), TcpProxy::start(address).await.unwrap()];
    let like = WorkerLike::chunk(1_000, 5);
    let _workers = [world.worker(proxies[0].addr(), &like), world.worker(proxies[1].addr(), &like)];

    for turn in 1..=TURNS {
        for game_id in games {
            world.produce(Payload::GameTurnReady { game_id, turn }, Audience::GameMembers, Some(game_id)).await;
        }
        // The connections break in the middle of calls, now one worker's, now the other's.
        if turn % 7 == 0 {
            proxies[(turn % 2) as usize].reset().await.unwrap();
        }
    }
    subscriber.has(TURNS as usize * 5).await;
    assert_eq!(subscriber.len(), TURNS as usize * 5, "nobody gets anything twice");
    for user in &users {
        let got = subscriber.payloads(*user);
        for game in games {
            let turns: Vec<u32> = got
                .iter()
                .filter_map(|p| match p {
                    Payload::GameTurnReady { game_id, turn } if *game_id == game => Some(*turn),
                    _ => None,
                })
                .collect();
            if turns.is_empty() {
                assert_eq!(*user, users[2], "the third is no member of the second game");
                continue;
            }
            assert_eq!(turns, (1..=TURNS).collect::<Vec<_>>());
        }
    }
    assert_eq!(
        world.count("SELECT count(*) FROM notification_routes WHERE failures > 0").await,
        0,
        "the hub's outages do not count"
    );
}

#[tokio::test]
async fn a_dead_route_lets_those_behind_it_pass() {
    let world = World::new().await;
    let (_hub, address) = world.hub().await;
    let subscriber = Subscriber::start(address).await;
    let user = world.accounts(1, false).await[0];
    let game_id = world.game(&[user]).await;
    let turn = |turn| Payload::GameTurnReady { game_id, turn };
    let poison = "x".repeat(600);
    let dead = world.produce_keyed(&poison, turn(1), Audience::GameMembers, Some(game_id)).await;
    world.produce_keyed("second", turn(2), Audience::GameMembers, Some(game_id)).await;
    world.produce_keyed("third", turn(3), Audience::GameMembers, Some(game_id)).await;
    // The third does not wait for a scan.
    let _worker = world.worker(address, &WorkerLike::hardly_scanning());
    subscriber.has(2).await;
    assert_eq!(subscriber.payloads(user), [turn(2), turn(3)]);
    world.settles(dead, &[("push", "dead_lettered", 1)]).await;
}
