//! Sessions of an account, seen and ended by administrators.

use serde_json::{Value, json};

use super::{NOBODY, USERS};
use crate::harness::Api;

#[tokio::test]
async fn sessions_are_seen_and_ended_with_their_event() {
    let api = Api::start().await;
    let (id, _) = api.player("ada").await;
    let path = format!("{USERS}/{id}/sessions");
    for _ in 0..3 {
        let open = api.gateway().post(format!("/api/v1/internal/users/{id}/sessions")).json(&json!({})).send();
        open.await.expect(201);
    }
    let page = api.admin().get(&path).query("limit", 2).send().await.expect(200).json();
    assert_eq!(page["items"].as_array().unwrap().len(), 2);
    let revoked = api.admin().post(format!("{path}/revoke-all")).send().await.expect(200).json();
    assert_eq!(revoked["device_session_ids"].as_array().unwrap().len(), 3);
    let page = api.admin().get(&path).send().await.expect(200).json();
    assert!(
        page["items"]
            .as_array()
            .unwrap()
            .iter()
            .all(|s| s["status"] == "revoked" && s["revoke_reason"] == "administrator")
    );
    let named: i64 =
        sqlx::query_scalar("SELECT cardinality(device_sessions)::bigint FROM push_events WHERE what = 'invalidation'")
            .fetch_one(&api.pool())
            .await
            .unwrap();
    assert_eq!(named, 3);
    let detail: Value =
        sqlx::query_scalar("SELECT detail FROM audit_log WHERE action = 'user.sessions.revoke_all' AND target_id = $1")
            .bind(&id)
            .fetch_one(&api.pool())
            .await
            .unwrap();
    assert_eq!(detail["device_session_ids"].as_array().unwrap().len(), 3);
    let answer = api.admin().post(format!("{USERS}/{NOBODY}/sessions/revoke-all")).send().await;
    answer.expect_problem(404, "account_not_found");
}
