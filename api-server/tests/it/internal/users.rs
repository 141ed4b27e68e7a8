//! Accounts as the gateway sees them, and the sessions that it opens (SPEC §6).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::identities::provision;
use crate::harness::{Api, text};

#[tokio::test]
async fn the_gateway_opens_sessions_for_those_who_may_have_one() {
    let api = Api::start().await;
    let made = provision(&api, json!({ "kind": "telegram", "external_id": "7" })).await.expect(200).json();
    let user = text(&made, "user_id");
    let path = format!("/api/v1/internal/users/{user}/sessions");
    let key = STANDARD.encode(ed25519_dalek::SigningKey::from_bytes(&[9; 32]).verifying_key().as_bytes());
    let open = |body: Value| api.gateway().post(&path).header("Idempotency-Key", "k").json(&body).send();
    let answer = open(json!({ "client_public_key": key })).await.expect(201);
    let first = answer.json();
    assert_eq!(answer.header("location"), format!("/api/v1/internal/sessions/{}", text(&first, "device_session_id")));
    assert_eq!(
        (&first["user_id"], &first["status"], &first["client_public_key"]),
        (&json!(user), &json!("active"), &json!(key))
    );
    // The answer holds a secret: a key does not make it come again.
    let second = open(json!({ "client_public_key": key })).await.expect(201).json();
    assert_ne!(second["device_session_id"], first["device_session_id"]);
    assert_ne!(second["session_token"], first["session_token"]);
    let token = json!({ "session_token": first["session_token"] });
    let resolved = api.gateway().post("/api/v1/internal/sessions/resolve").json(&token).send().await.expect(200).json();
    assert_eq!(resolved["device_session_id"], first["device_session_id"]);

    open(json!({ "client_public_key": STANDARD.encode([0; 32]) })).await.expect_problem(400, "invalid_request");
    let nobody = "/api/v1/internal/users/00000000-0000-7000-8000-000000000001";
    let answer = api.gateway().post(format!("{nobody}/sessions")).json(&json!({})).send().await;
    answer.expect_problem(404, "account_not_found");
    api.gateway().get(nobody).send().await.expect_problem(404, "account_not_found");
    api.sanction(&user, "game_join_block").await;
    open(json!({})).await.expect(201);
    api.sanction(&user, "login_block").await;
    open(json!({})).await.expect_problem(403, "account_blocked");
    // Found all the same, with everything that decides in one answer.
    let again = provision(&api, json!({ "kind": "telegram", "external_id": "7" })).await.expect(200).json();
    assert_eq!((&again["user_id"], &again["created"]), (&json!(user), &json!(false)));
    let account = api.gateway().get(format!("/api/v1/internal/users/{user}")).send().await.expect(200).json();
    let kinds: Vec<&Value> = account["sanctions"].as_array().unwrap().iter().map(|s| &s["kind"]).collect();
    assert_eq!((kinds.len(), &account["entitlement"]["plan"]), (2, &json!("free")));
    api.sanction(&user, "permanent_block").await;
    open(json!({})).await.expect_problem(403, "account_blocked");
    assert_eq!(api.count("device_sessions").await, 3);
}
