//! Sessions as the gateway asks for them (SPEC §6).

use serde_json::json;

use crate::harness::{Api, text};
use crate::public::auth::sign_in::{code, confirm, send};

#[tokio::test]
async fn sessions_are_resolved_and_revoked_with_their_event() {
    let api = Api::start().await;
    let challenge = send(&api, "ada@example.org").await;
    let signed_in = confirm(&api, &challenge, &code(&api, &challenge).await, json!({})).await.expect(200).json();
    let (user, session) = (text(&signed_in, "user_id"), text(&signed_in, "device_session_id"));
    let resolve = "/api/v1/internal/sessions/resolve";
    let token = json!({ "session_token": signed_in["session_token"] });
    assert_eq!(api.gateway().post(resolve).json(&token).send().await.expect(200).json()["device_session_id"], session);
    api.gateway()
        .post(resolve)
        .json(&json!({ "session_token": "x" }))
        .send()
        .await
        .expect_problem(404, "session_not_found");

    let path = format!("/api/v1/user/sessions/{session}/revoke");
    let (_, eve) = api.player("eve").await;
    eve.post(&path).send().await.expect_problem(404, "session_not_found");
    assert_eq!(api.user(&user).post(&path).send().await.expect(200).json()["status"], "revoked");
    assert_eq!(api.count("push_events").await, 1, "the invalidation committed with it");
    assert_eq!(api.user(&user).post(&path).send().await.expect(200).json()["status"], "revoked");
    assert_eq!(api.count("push_events").await, 1, "revoking again changes nothing");
    assert_eq!(api.gateway().post(resolve).json(&token).send().await.expect(200).json()["status"], "revoked");
}
