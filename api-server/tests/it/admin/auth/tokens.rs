//! Tokens for programs.

use serde_json::{Value, json};

use super::{AUTH, administrator, signed_in};
use crate::harness::{Api, text};

const LIST: &str = "/api/v1/admin/queues";
const PAUSE: &str = "/api/v1/admin/queues/mail/pause";

#[tokio::test]
async fn a_token_does_what_it_was_given_and_no_more_than_its_owner() {
    let api = Api::start().await;
    let other = api.replica().await;
    administrator(&api, "ada", &["operator", "support"]).await;
    let ada = signed_in(&api, "ada").await;
    let path = format!("{AUTH}/tokens");
    let make = |roles: Value| {
        ada.post(&path).json(&json!({ "name": "nightly", "roles": roles, "expires_in_days": 30 })).send()
    };
    make(json!(["game_master"])).await.expect_problem(400, "invalid_request");
    make(json!(["owner"])).await.expect_problem(400, "invalid_request");
    let made = make(json!(["operator"])).await.expect(201).json();
    let (id, token) = (text(&made, "token_id"), text(&made, "token"));
    assert!(token.starts_with("galaxy_admin_"));
    let seen = ada.get(format!("{path}/{id}")).send().await.expect(200).json();
    assert!(seen.get("token").is_none() && seen["last_used_at"].is_null(), "{seen}");
    let program = other.client.with_bearer(&token);
    program.post(PAUSE).send().await.expect(200);
    let me = program.get(format!("{AUTH}/me")).send().await.expect(200).json();
    assert_eq!((&me["via"], &me["roles"]), (&json!("token"), &json!(["operator"])));
    assert!(ada.get(&path).send().await.expect(200).json()["items"][0]["last_used_at"].is_string());
    let line: (String, String) = sqlx::query_as("SELECT actor, via FROM audit_log WHERE action = 'queue.pause'")
        .fetch_one(&api.pool())
        .await
        .unwrap();
    assert_eq!((line.0.as_str(), line.1.as_str()), ("ada", "token"));
    // What its owner loses it loses with the next request.
    let patch = json!({ "roles": ["support"] });
    api.admin().patch("/api/v1/admin/admin-accounts/ada").json(&patch).send().await.expect(200);
    program.post(PAUSE).send().await.expect_problem(403, "role_required");
    let back = json!({ "roles": ["operator"] });
    api.admin().patch("/api/v1/admin/admin-accounts/ada").json(&back).send().await.expect(200);
    program.post(PAUSE).send().await.expect(200);
    let ada = signed_in(&api, "ada").await;
    ada.post(format!("{path}/{id}/revoke")).send().await.expect(200);
    program.get(LIST).send().await.expect_problem(401, "admin_session_required");
    for unknown in ["galaxy_admin_", "galaxy_admin_nonsense"] {
        let stranger = api.client.with_bearer(unknown);
        stranger.get(LIST).send().await.expect_problem(401, "admin_session_required");
    }
}

#[tokio::test]
async fn a_token_runs_out_and_ends_with_its_owner() {
    let api = Api::start().await;
    administrator(&api, "ada", &["owner"]).await;
    let ada = signed_in(&api, "ada").await;
    let body = json!({ "name": "nightly", "roles": ["viewer"], "expires_in_days": 365 });
    let made = ada.post(format!("{AUTH}/tokens")).json(&body).send().await.expect(201).json();
    let program = api.client.with_bearer(&text(&made, "token"));
    program.get(LIST).send().await.expect(200);
    let account = "/api/v1/admin/admin-accounts/ada";
    api.admin().post(format!("{account}/disable")).send().await.expect(200);
    program.get(LIST).send().await.expect_problem(401, "admin_session_required");
    api.admin().post(format!("{account}/enable")).send().await.expect(200);
    program.get(LIST).send().await.expect(200);
    api.sql("UPDATE admin_tokens SET expires_at = now() WHERE user_name = $1", "ada").await;
    program.get(LIST).send().await.expect_problem(401, "admin_session_required");
    api.sql("UPDATE admin_tokens SET expires_at = now() + interval '1 day' WHERE user_name = $1", "ada").await;
    program.get(LIST).send().await.expect(200);
    // Whoever was in with the old password may have made it.
    api.admin().post(format!("{account}/reset-password")).send().await.expect(200);
    program.get(LIST).send().await.expect_problem(401, "admin_session_required");
}
