//! Engines that sleep: one game's holds up neither other games nor anything else.

use std::time::Duration;

use serde_json::{Value, json};
use testkit::eventually;
use testkit::openapi::{ContractClient, ContractResponse};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use crate::harness::{Api, VERSION};

/// An engine that takes calls and answers none, or each with an empty list.
async fn engine(sleeps: bool) -> String {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut peer, _)) = listener.accept().await {
            tokio::spawn(async move {
                let mut read = vec![0; 64 << 10];
                while peer.read(&mut read).await.is_ok_and(|read| read > 0) {
                    if sleeps {
                        std::future::pending::<()>().await;
                    }
                    let answer = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 2\r\n\r\n[]";
                    peer.write_all(answer.as_bytes()).await.unwrap();
                }
            });
        }
    });
    format!("http://{address}")
}

/// A running game whose members are given; its engine sleeps or answers.
async fn game(api: &Api, members: &[&ContractClient], race: &str, sleeps: bool) -> String {
    let game = api.open_public_game(json!({ "name": format!("Game of {race}"), "min_players": 1 })).await;
    for (n, member) in members.iter().enumerate() {
        api.join(&game, member, &format!("{race}{n}")).await;
    }
    sqlx::query(
        "INSERT INTO runtime_records (game_id, status, driver, daemon_id, engine_version, image, engine_token, endpoint)
         VALUES ($1::uuid, 'running', 'process', 'd', $2, 'i', 'engine-token', $3)",
    )
    .bind(&game)
    .bind(VERSION)
    .bind(engine(sleeps).await)
    .execute(&api.pool())
    .await
    .unwrap();
    api.sql("UPDATE games SET status = 'running', started_at = now() WHERE game_id = $1::uuid", &game).await;
    game
}

fn calls(game: &str) -> [(String, Option<Value>); 3] {
    [
        (format!("/api/v1/user/games/{game}/commands"), Some(json!({ "commands": [] }))),
        (format!("/api/v1/user/games/{game}/orders"), Some(json!({ "turn": 0, "orders": [] }))),
        (format!("/api/v1/user/games/{game}/reports/0"), None),
    ]
}

async fn call(user: &ContractClient, (path, body): (String, Option<Value>)) -> ContractResponse {
    match body {
        Some(body) => user.post(path).json(&body).send().await,
        None => user.get(path).send().await,
    }
}

fn asleep(user: &ContractClient, game: &str) -> JoinHandle<ContractResponse> {
    let (user, [command, ..]) = (user.clone(), calls(game));
    tokio::spawn(async move { call(&user, command).await })
}

#[tokio::test]
async fn an_engine_that_sleeps_holds_up_its_own_game_alone() {
    // A quarter of the places, 4, is the engines'; one game has half of it.
    let api = Api::start_with(&[("BACKEND_HTTP_MAX_IN_FLIGHT", "16")]).await;
    let mut players = Vec::new();
    for name in ["ada", "bob", "cyd", "dan"] {
        players.push(api.player(name).await.1);
    }
    let [ada, bob, cyd, dan] = &players[..] else { panic!() };
    let first = game(&api, &[ada, bob], "Zerg", true).await;
    let second = game(&api, &[cyd, ada], "Protoss", false).await;
    let third = game(&api, &[dan, bob], "Terran", true).await;
    // Ada holds both of her game's places, and hers.
    let held = [asleep(ada, &first), asleep(ada, &first)];
    let [command, order, report] = calls(&first);
    eventually(Duration::from_secs(10), "the game's places are taken", || async {
        call(bob, command.clone()).await.status == 429
    })
    .await;
    for who in [ada, bob] {
        for what in [command.clone(), order.clone(), report.clone()] {
            let refused = call(who, what).await.expect_problem(429, "rate_limited");
            assert_eq!(refused.header("retry-after"), "1");
        }
    }
    // Ada may ask nowhere else meanwhile; others may.
    let [elsewhere, ..] = calls(&second);
    call(ada, elsewhere).await.expect_problem(429, "rate_limited");
    for what in calls(&second) {
        call(cyd, what).await.expect(200);
    }
    // A second game falls asleep, and the budget is out: engine calls wait, nothing else does.
    let more = [asleep(dan, &third), asleep(bob, &third)];
    eventually(Duration::from_secs(10), "the budget is out", || async {
        let [command, ..] = calls(&second);
        call(cyd, command).await.status == 503
    })
    .await;
    let [command, ..] = calls(&second);
    let refused = call(cyd, command).await.expect_problem(503, "unavailable");
    assert_eq!(refused.header("retry-after"), "1");
    for _ in 0..10 {
        for who in &players {
            who.get("/api/v1/user/account").send().await.expect(200);
        }
    }
    held.iter().chain(&more).for_each(JoinHandle::abort);
}
