//! Bad input of every kind gets the right 4xx as a problem, and nothing is written.

use serde_json::{Value, json};
use testkit::openapi::ContractResponse;

use crate::harness::{Api, GATEWAY_TOKEN, game};

const GAMES: &str = "/api/v1/user/lobby/games";

fn pointers(answer: &ContractResponse) -> Vec<String> {
    let mut pointers: Vec<String> =
        answer.json()["errors"].as_array().unwrap().iter().map(|e| e["pointer"].as_str().unwrap().to_owned()).collect();
    pointers.sort();
    pointers
}

#[tokio::test]
async fn bodies_that_cannot_be_read() {
    let api = Api::start().await;
    api.engine_version().await;
    let (_, ada) = api.player("ada").await;
    let post = |content_type: &str, body: &[u8]| ada.post(GAMES).bad().body(content_type, body).send();
    post("application/json", b"{\"name\":").await.expect_problem(400, "invalid_request");
    post("application/json", b"").await.expect_problem(400, "invalid_request");
    post("application/json", b"\xff\xfe").await.expect_problem(400, "invalid_request");
    post("application/json", b"[]").await.expect_problem(400, "invalid_request");
    post("text/plain", b"{}").await.expect_problem(415, "unsupported_media_type");
    post("application/json; charset=utf-16", b"{}").await.expect_problem(415, "unsupported_media_type");
    ada.post(GAMES).bad().send().await.expect_problem(415, "unsupported_media_type");
    let huge = format!("{{\"name\":\"{}\"}}", "x".repeat(1024 * 1024));
    post("application/json", huge.as_bytes()).await.expect_problem(413, "payload_too_large");
    assert_eq!(api.count("games").await, 0);
}

#[tokio::test]
async fn fields_that_are_wrong_are_named() {
    let api = Api::start().await;
    api.engine_version().await;
    let (_, ada) = api.player("ada").await;
    for (change, expected) in [
        (json!({ "surprise": 1 }), vec!["/surprise"]),
        (json!({ "name": 5, "min_players": "two" }), vec!["/min_players", "/name"]),
        (json!({ "name": null, "turn_schedule": null }), vec!["/name", "/turn_schedule"]),
        (json!({ "name": "" }), vec!["/name"]),
        (json!({ "name": "x".repeat(65) }), vec!["/name"]),
        (json!({ "name": "a\u{202E}b" }), vec!["/name"]),
        (json!({ "min_players": 0 }), vec!["/min_players"]),
        (json!({ "max_players": 1001 }), vec!["/max_players"]),
        (json!({ "min_players": 3, "max_players": 2 }), vec!["/max_players"]),
        (json!({ "enrollment_ends_at": "tomorrow" }), vec!["/enrollment_ends_at"]),
        (json!({ "enrollment_ends_at": "2020-01-01T00:00:00Z" }), vec!["/enrollment_ends_at"]),
        (json!({ "turn_schedule": "often" }), vec!["/turn_schedule"]),
        (json!({ "turn_schedule": "@every 1s" }), vec!["/turn_schedule"]),
        (json!({ "turn_schedule": "0 0 30 2 *" }), vec!["/turn_schedule"]),
        (json!({ "time_zone": "Mars/Olympus" }), vec!["/time_zone"]),
        (json!({ "time_zone": "" }), vec!["/time_zone"]),
        (json!({ "target_engine_version": "9.9.9" }), vec!["/target_engine_version"]),
    ] {
        let answer = ada.post(GAMES).bad().json(&game(change.clone())).send().await;
        let answer = answer.expect_problem(400, "invalid_request");
        assert_eq!(pointers(&answer), expected, "{change}: {}", answer.json());
    }
    assert_eq!(api.count("games").await, 0);
}

#[tokio::test]
async fn paths_methods_and_parameters() {
    let api = Api::start().await;
    let (_, ada) = api.player("ada").await;
    ada.get("/api/v1/user/nowhere").bad().send().await.expect_problem(404, "not_found");
    api.client.get("/nowhere").bad().send().await.expect_problem(404, "not_found");
    let answer = ada.delete(GAMES).bad().send().await.expect_problem(405, "method_not_allowed");
    assert_eq!(answer.header("allow"), "GET, HEAD, OPTIONS, POST");
    let answer = api
        .client
        .put("/api/v1/public/auth/send-email-code")
        .bad()
        .send()
        .await
        .expect_problem(405, "method_not_allowed");
    assert_eq!(answer.header("allow"), "OPTIONS, POST");
    let answer = ada.get(format!("{GAMES}/not-a-uuid")).bad().send().await.expect_problem(400, "invalid_request");
    assert_eq!(pointers(&answer), ["/path/game_id"]);
    for (name, value) in [("limit", "0"), ("limit", "201"), ("limit", "many"), ("cursor", "%"), ("cursor", "AAAA")] {
        let answer = ada.get(GAMES).bad().query(name, value).send().await.expect_problem(400, "invalid_request");
        assert_eq!(pointers(&answer), [format!("/query/{name}")], "{value}");
    }
    let answer = ada.post(GAMES).header("Idempotency-Key", "with space").json(&game(json!({}))).send().await;
    assert_eq!(pointers(&answer.expect_problem(400, "invalid_request")), ["/header/Idempotency-Key"]);
}

#[tokio::test]
async fn request_ids_are_echoed_and_made() {
    let api = Api::start().await;
    let (_, ada) = api.player("ada").await;
    let answer = ada.get("/api/v1/user/account").header("X-Request-ID", "abc-123").send().await.expect(200);
    assert_eq!(answer.header("x-request-id"), "abc-123");
    let answer =
        ada.get(format!("{GAMES}/00000000-0000-7000-8000-000000000001")).header("X-Request-ID", "abc-124").send().await;
    let answer = answer.expect_problem(404, "game_not_found");
    assert_eq!((answer.header("x-request-id"), answer.json()["request_id"].as_str().unwrap()), ("abc-124", "abc-124"));
    let answer = api.client.get("/api/v1/nowhere").bad().send().await.expect(404);
    assert_eq!(answer.json()["request_id"], answer.header("x-request-id"));
    assert_eq!(answer.header("x-request-id").len(), 36);
}

/// Closing a connection with bytes unread resets it, and the reset would overtake the answer.
#[tokio::test]
async fn an_answer_reaches_a_client_that_is_still_sending() {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    let api = Api::start().await;
    let (id, _) = api.player("ada").await;
    let piece = [b'x'; 64 * 1024];
    for (token, length, status) in [(GATEWAY_TOKEN, 2 << 20, "413 "), ("another", 1 << 20, "401 ")] {
        let mut client = tokio::net::TcpStream::connect(api.rest).await.unwrap();
        let head = format!(
            "POST {GAMES} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\nX-User-ID: {id}\r\n\
             Content-Type: application/json\r\nContent-Length: {length}\r\n\r\n"
        );
        client.write_all(head.as_bytes()).await.unwrap();
        client.write_all(&piece).await.unwrap();
        // The answer is there. Whoever does not look for it yet goes on sending.
        assert!(client.peek(&mut [0]).await.unwrap() > 0);
        for _ in 1..length / piece.len() {
            client.write_all(&piece).await.unwrap_or_else(|error| panic!("{status}: {error}"));
        }
        let mut answer = Vec::new();
        client.shutdown().await.unwrap();
        client.read_to_end(&mut answer).await.unwrap_or_else(|error| panic!("{status}: {error}"));
        let answer = String::from_utf8(answer).unwrap();
        assert!(answer.starts_with(&format!("HTTP/1.1 {status}")) && answer.ends_with('}'), "{answer}");
    }
}

#[tokio::test]
async fn probes_and_documents_are_for_anyone() {
    // Not through the contract's client: these are no operations of the document.
    let api = Api::start().await;
    let get = async |path: &str| {
        let answer = reqwest::get(format!("http://{}{path}", api.rest)).await.unwrap();
        assert_eq!(answer.status(), 200, "{path}");
        answer.text().await.unwrap()
    };
    for path in ["/healthz", "/readyz", "/health/live", "/health/ready"] {
        let status: Value = serde_json::from_str(&get(path).await).unwrap();
        assert_eq!(status["status"], "ok", "{path}");
    }
    let document: Value = serde_json::from_str(&get("/openapi.json").await).unwrap();
    assert_eq!(&document, crate::harness::contract().document());
    assert!(get("/docs").await.contains("swagger"));
}

#[tokio::test]
async fn a_database_that_is_away_is_a_503_that_says_when_to_come_back() {
    let db = testkit::TestDb::new().await;
    let proxy = testkit::proxy::TcpProxy::start(db.server_addr()).await.unwrap();
    let dsn = db.dsn_via(proxy.addr());
    let api = Api::start_on(db, &[("BACKEND_POSTGRES_DSN", &dsn), ("BACKEND_POSTGRES_OPERATION_TIMEOUT", "1s")]).await;
    let (_, ada) = api.player("ada").await;
    ada.get("/api/v1/user/account").send().await.expect(200);
    proxy.cut().await;
    let answer = ada.get("/api/v1/user/account").send().await.expect_problem(503, "unavailable");
    assert!(!answer.header("retry-after").is_empty());
}
