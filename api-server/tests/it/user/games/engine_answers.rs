//! What an engine answers to a member's call, and what reaches the member: its words cut to size where they are for them, and nothing of
//! it where the engine is at fault.

use std::sync::Arc;

use parking_lot::Mutex;
use serde_json::{Value, json};
use testkit::openapi::{ContractClient, ContractResponse};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

use crate::harness::{Api, VERSION};

/// A running game whose engine says to every call what stands in `says`.
struct Table {
    _api: Api,
    ada: ContractClient,
    game: String,
    says: Says,
}

/// What an engine answers, byte by byte.
pub type Says = Arc<Mutex<Vec<u8>>>;

/// Where an engine is that says so to every call.
pub async fn saying(says: &Says) -> String {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    let answer = says.clone();
    tokio::spawn(async move {
        while let Ok((mut peer, _)) = listener.accept().await {
            let answer = answer.lock().clone();
            tokio::spawn(async move {
                let _ = peer.read(&mut vec![0; 64 << 10]).await;
                let _ = peer.write_all(&answer).await;
                let _ = peer.shutdown().await;
            });
        }
    });
    endpoint
}

impl Table {
    async fn new() -> Self {
        let api = Api::start().await;
        let (_, ada) = api.player("ada").await;
        let game = api.open_public_game(json!({})).await;
        api.join(&game, &ada, "Zerg").await;
        let says = Says::default();
        let endpoint = saying(&says).await;
        sqlx::query(
            "INSERT INTO runtime_records (game_id, status, driver, daemon_id, engine_version, image, engine_token, endpoint)
             VALUES ($1::uuid, 'running', 'process', 'd', $2, 'i', 'engine-token', $3)",
        )
        .bind(&game)
        .bind(VERSION)
        .bind(endpoint)
        .execute(&api.pool())
        .await
        .unwrap();
        api.sql("UPDATE games SET status = 'running', started_at = now() WHERE game_id = $1::uuid", &game).await;
        Self { _api: api, ada, game, says }
    }

    /// Commands, orders and a report, while the engine answers so.
    async fn calls(&self, answer: &str) -> [ContractResponse; 3] {
        *self.says.lock() = answer.as_bytes().to_vec();
        let path = |what: &str| format!("/api/v1/user/games/{}/{what}", self.game);
        [
            self.ada.post(path("commands")).json(&json!({ "commands": [] })).send().await,
            self.ada.post(path("orders")).json(&json!({ "turn": 0, "orders": [] })).send().await,
            self.ada.get(path("reports/0")).send().await,
        ]
    }
}

pub fn answer(status: &str, body: &str) -> String {
    format!("HTTP/1.1 {status}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}", body.len())
}

#[tokio::test]
async fn an_engine_that_answers_badly_is_a_502_and_one_that_does_not_a_503() {
    let table = Table::new().await;
    let problem = r#"{"code":"secret_word","detail":"secret detail"}"#;
    for bad in [
        answer("500 Oh", problem),
        answer("403 No", problem),
        answer("404 No", r#"{"code":"game_not_initialised"}"#),
        answer("302 There", ""),
        answer("200 OK", "<html>It works!</html>"),
        answer("200 OK", r#"["\u0000"]"#),
        answer("200 OK", &format!("\"{}\"", "x".repeat(2 << 20))),
        answer("422 No", r#"{"detail":"\u0000"}"#),
        "SSH-2.0-OpenSSH_9.2\r\n".to_owned(),
    ] {
        for told in table.calls(&bad).await {
            let told = told.expect_problem(502, "engine_failed");
            assert!(!String::from_utf8_lossy(&told.body).contains("secret detail"), "{}", told.json());
        }
    }
    for away in ["", "HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\n[", &answer("401 Who", problem)] {
        for told in table.calls(away).await {
            told.expect_problem(503, "engine_unreachable");
        }
    }
    let busy = "HTTP/1.1 503 Soon\r\nretry-after: 70\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";
    for told in table.calls(busy).await {
        assert_eq!(told.expect_problem(503, "engine_unreachable").header("retry-after"), "70");
    }
}

fn length(text: &Value) -> usize {
    text.as_str().unwrap().chars().count()
}

#[tokio::test]
async fn a_refusal_reaches_the_member_cut_to_size() {
    let table = Table::new().await;
    let long = "x".repeat(10_000);
    let faults: Vec<Value> =
        (0..300).map(|_| json!({ "pointer": long, "code": "Not a code", "detail": long })).collect();
    // Short enough to be read at all: longer ones are no refusal any more.
    let body =
        json!({ "code": "bad_order", "detail": format!("\u{1b}[31m{long}"), "errors": &faults[..9], "secret": 1 });
    for told in table.calls(&answer("422 No", &body.to_string())).await {
        let told = told.expect_problem(422, "engine_rejected").json();
        assert!(told["detail"].as_str().unwrap().chars().count() <= 1_000 && told.get("secret").is_none());
        assert!(!told["detail"].as_str().unwrap().contains('\u{1b}'));
        let errors = told["errors"].as_array().unwrap();
        assert_eq!(errors.len(), 9);
        assert_eq!(errors[0]["code"], "engine_error");
        assert!(length(&errors[0]["pointer"]) <= 512 && length(&errors[0]["detail"]) <= 1_000);
    }
    let short: Vec<Value> =
        (0..300).map(|n| json!({ "pointer": format!("/orders/{n}"), "code": "late", "detail": "" })).collect();
    for told in table.calls(&answer("422 No", &json!({ "errors": short }).to_string())).await {
        assert_eq!(told.expect_problem(422, "engine_rejected").json()["errors"].as_array().unwrap().len(), 100);
    }
    let endless = json!({ "code": "bad_order", "errors": faults });
    for told in table.calls(&answer("422 No", &endless.to_string())).await {
        let told = told.expect_problem(422, "engine_rejected").json();
        assert_eq!(
            (told["errors"][0]["code"].as_str(), told["errors"].as_array().unwrap().len()),
            (Some("engine_error"), 1)
        );
    }
}
