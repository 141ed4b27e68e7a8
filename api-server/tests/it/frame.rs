//! What the frame answers around any operation: a fault of our own, too long, a peer that says nothing. Too much at
//! once: `every_operation`.

use std::time::Duration;

use serde_json::json;
use testkit::{TestDb, eventually};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::binary::Binary;
use crate::harness::{Api, GATEWAY_TOKEN};

#[tokio::test]
async fn a_fault_of_our_own_reveals_nothing() {
    let api = Api::start().await;
    let (_, ada) = api.player("ada").await;
    sqlx::query("ALTER TABLE games RENAME TO games_of_yesterday").execute(&api.pool()).await.unwrap();
    let answer = ada.get("/api/v1/user/lobby/games").send().await.expect_problem(500, "internal");
    assert!(!String::from_utf8_lossy(&answer.body).contains("games"), "{}", answer.json());
    assert_eq!(answer.json()["request_id"], answer.header("x-request-id"));
}

#[tokio::test]
async fn a_fault_of_our_own_stands_in_the_log_under_the_request_that_met_it() {
    let db = TestDb::new().await;
    let mut replica = Binary::start(&db, &[]);
    replica.ready().await;
    sqlx::query("ALTER TABLE device_sessions RENAME TO sessions_of_yesterday").execute(&db.pool()).await.unwrap();
    let client = reqwest::Client::new();
    let url = format!("http://{}/api/v1/internal/sessions/0190a5a4-0000-7000-8000-000000000000", replica.rest);
    // Often, since it depended on what the thread had done before.
    for n in 0..10 {
        let id = format!("fault-{n}");
        let request = client.get(&url).bearer_auth(GATEWAY_TOKEN).header("x-request-id", &id);
        assert_eq!(request.send().await.unwrap().status(), 500);
        for said in ["request failed", "answered"] {
            let (said, id) = (format!("\"msg\":\"{said}\""), format!("\"request_id\":\"{id}\""));
            let wanted = |line: &str| line.contains(&said) && line.contains(&id);
            replica.process.wait_for_line(wanted, Duration::from_secs(90)).await;
        }
    }
}

#[tokio::test]
async fn an_answer_that_takes_too_long_is_cut_off() {
    let quick = Api::start().await;
    let (ada_id, ada) = quick.player("ada").await;
    let game = quick.open_private_game(&ada, json!({})).await;
    let api = quick.replica_with(&[("BACKEND_HTTP_WRITE_TIMEOUT", "500ms")]).await;
    let ada = api.user(&ada_id);
    let mut elsewhere = api.pool().begin().await.unwrap();
    sqlx::query("SELECT FROM games WHERE game_id = $1::uuid FOR UPDATE")
        .bind(&game)
        .execute(&mut *elsewhere)
        .await
        .unwrap();
    let cancel = format!("/api/v1/user/lobby/games/{game}/cancel");
    ada.post(&cancel).send().await.expect_problem(504, "timeout");
    elsewhere.rollback().await.unwrap();
    // Whatever became of it, the connection that it held is whole, and the game can be cancelled once.
    eventually(Duration::from_secs(90), "the game is free again", || async {
        ada.post(&cancel).send().await.status != 504
    })
    .await;
    assert_eq!(quick.game(&game).await["status"], "cancelled");
}

/// RFC 9112, section 9.6: else its next request would go into a connection that is being closed.
#[tokio::test]
async fn a_client_whose_request_is_not_read_to_its_end_is_told_that_the_connection_closes() {
    let api = Api::start().await;
    let head = "POST /api/v1/public/auth/send-email-code HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n";
    for (rest, status, closes) in [
        ("content-length: 2000000\r\n\r\n{", "413", true),
        ("content-length: 2\r\n\r\n{}", "400", false),
        ("transfer-encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n", "400", false),
    ] {
        let mut peer = tokio::net::TcpStream::connect(api.rest).await.unwrap();
        peer.write_all(format!("{head}{rest}").as_bytes()).await.unwrap();
        let mut answer = vec![0; 4096];
        let read = tokio::time::timeout(Duration::from_secs(90), peer.read(&mut answer)).await.unwrap().unwrap();
        let answer = String::from_utf8_lossy(&answer[..read]).to_ascii_lowercase();
        assert!(answer.starts_with(&format!("http/1.1 {status}")), "{answer}");
        assert_eq!(answer.contains("\r\nconnection: close\r\n"), closes, "{rest:?}: {answer}");
    }
}

/// Neither listener keeps a peer that does not begin, or does not go on.
#[tokio::test]
async fn whoever_says_nothing_is_hung_up_on() {
    let api = Api::start_with(&[("BACKEND_HTTP_READ_TIMEOUT", "300ms")]).await;
    let head = "POST /api/v1/public/auth/send-email-code HTTP/1.1\r\nhost: x\r\n";
    let cut = format!("{head}content-type: application/json\r\ncontent-length: 100\r\n\r\n{{");
    for (listener, words) in [
        (api.rest, ""),
        (api.rest, "PRI * HTTP/2.0\r\n"),
        (api.rest, head),
        (api.rest, cut.as_str()),
        (api.grpc, ""),
        (api.grpc, "PRI * HTTP/2.0\r\n"),
    ] {
        let mut peer = tokio::net::TcpStream::connect(listener).await.unwrap();
        peer.write_all(words.as_bytes()).await.unwrap();
        let mut answer = Vec::new();
        let end = tokio::time::timeout(Duration::from_secs(90), peer.read_to_end(&mut answer)).await;
        assert!(end.is_ok(), "a connection that said {words:?} stays open");
        let answer = String::from_utf8_lossy(&answer);
        assert!(words != cut || answer.starts_with("HTTP/1.1 504"), "{answer}");
    }
}
