//! Engines that sleep: one game's holds up neither other games nor anything else.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::{Value, json};
use testkit::eventually;
use testkit::openapi::{ContractClient, ContractResponse};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use super::{on_behalf, others_are_served, patient};
use crate::binary::Binary;
use crate::harness::{Api, GATEWAY_TOKEN, VERSION};
use testkit::hostile::hold;

/// Calls of one user at once: more than may be under way.
const MANY: usize = 8;

/// An engine that takes calls and answers none, or each with an empty list; and how many calls it has taken.
async fn engine(sleeps: bool) -> (String, Arc<AtomicUsize>) {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    let taken = Arc::new(AtomicUsize::new(0));
    let count = taken.clone();
    tokio::spawn(async move {
        while let Ok((mut peer, _)) = listener.accept().await {
            let count = count.clone();
            tokio::spawn(async move {
                let _ = peer.read(&mut vec![0; 64 << 10]).await;
                count.fetch_add(1, Ordering::SeqCst);
                if sleeps {
                    std::future::pending::<()>().await;
                }
                let head = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nconnection: close\r\n";
                let _ = peer.write_all(format!("{head}content-length: 2\r\n\r\n[]").as_bytes()).await;
            });
        }
    });
    (format!("http://{address}"), taken)
}

/// A running game.
struct Game {
    id: String,
    taken: Arc<AtomicUsize>,
}

impl Game {
    /// Of these members under these races, with an engine that sleeps or answers.
    async fn start(api: &Api, members: &[(&ContractClient, &str)], sleeps: bool) -> Self {
        let id = api.open_public_game(json!({})).await;
        for (member, race) in members {
            api.join(&id, member, race).await;
        }
        let (endpoint, taken) = engine(sleeps).await;
        sqlx::query(
            "INSERT INTO runtime_records (game_id, status, driver, daemon_id, engine_version, image, engine_token, endpoint)
             VALUES ($1::uuid, 'running', 'process', 'd', $2, 'i', 'engine-token', $3)",
        )
        .bind(&id)
        .bind(VERSION)
        .bind(endpoint)
        .execute(&api.pool())
        .await
        .unwrap();
        api.sql("UPDATE games SET status = 'running', started_at = now() WHERE game_id = $1::uuid", &id).await;
        Self { id, taken }
    }

    async fn has_taken(&self, calls: usize) {
        eventually(super::LIMIT, "the engine has the calls", || async { self.taken.load(Ordering::SeqCst) == calls })
            .await;
    }
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

/// Calls to an engine that sleeps, on behalf of a user, from 127.0.0.2.
async fn asleep(replica: &Binary, user: &str, game: &str) -> Vec<TcpStream> {
    let body = json!({ "commands": [] }).to_string();
    let call = format!(
        "POST /api/v1/user/games/{game}/commands HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {GATEWAY_TOKEN}\r\n\
         x-user-id: {user}\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );
    hold(replica.rest, MANY, call.as_bytes()).await
}

#[tokio::test]
async fn an_engine_that_sleeps_holds_up_its_own_game_alone() {
    // This replica makes the games; the other one, on the same database, is attacked.
    let api = Api::start().await;
    let mut players = Vec::new();
    for name in ["ada", "bob", "cyd", "dan"] {
        players.push(api.player(name).await);
    }
    let [(ada, a), (bob, b), (cyd, c), (dan, d)] = &players[..] else { panic!() };
    let first = Game::start(&api, &[(a, "Zerg"), (b, "Protoss")], true).await;
    let second = Game::start(&api, &[(c, "Terran"), (a, "Vulcan")], false).await;
    let third = Game::start(&api, &[(d, "Klingon"), (b, "Romulan")], true).await;
    // A quarter of the places, 4, is the engines'; one game has half of it.
    let settings = [
        ("BACKEND_HTTP_MAX_IN_FLIGHT", "16"),
        ("BACKEND_ENGINE_CALL_TIMEOUT", "10m"),
        ("BACKEND_ENGINE_PROBE_TIMEOUT", "80s"),
    ];
    let mut replica = patient(api.db(), &settings);
    replica.ready().await;
    let users = [ada, bob, cyd, dan].map(|user| on_behalf(&replica, user));
    let [at_ada, at_bob, at_cyd, _] = &users;
    // Ada holds both of her game's places, and hers.
    let mut held = asleep(&replica, ada, &first.id).await;
    first.has_taken(2).await;
    for who in [at_ada, at_bob] {
        for what in calls(&first.id) {
            let refused = call(who, what).await.expect_problem(429, "rate_limited");
            assert_eq!(refused.header("retry-after"), "1");
        }
    }
    // Ada may ask nowhere else meanwhile; others may.
    let [elsewhere, ..] = calls(&second.id);
    call(at_ada, elsewhere).await.expect_problem(429, "rate_limited");
    for what in calls(&second.id) {
        call(at_cyd, what).await.expect(200);
    }
    others_are_served(&replica).await;
    // A second game falls asleep, and the budget is out: engine calls wait, nothing else does.
    for user in [dan, bob] {
        held.extend(asleep(&replica, user, &third.id).await);
    }
    third.has_taken(2).await;
    for what in calls(&second.id) {
        let refused = call(at_cyd, what).await.expect_problem(503, "unavailable");
        assert_eq!(refused.header("retry-after"), "1");
    }
    for _ in 0..10 {
        for who in &users {
            who.get("/api/v1/user/account").send().await.expect(200);
        }
    }
    others_are_served(&replica).await;
    drop(held);
}
