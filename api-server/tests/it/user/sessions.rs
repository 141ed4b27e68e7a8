//! A user's own sessions (SPEC §6).

use serde_json::Value;

use crate::harness::Api;
use crate::public::auth::sign_in::sign_in_from;

#[tokio::test]
async fn a_user_sees_his_sessions_and_revokes_them_all() {
    let api = Api::start().await;
    let (first, second) = (
        sign_in_from(&api, "ada@example.org", "192.0.2.1").await,
        sign_in_from(&api, "ada@example.org", "192.0.2.1").await,
    );
    sign_in_from(&api, "bob@example.org", "192.0.2.1").await;
    let ada = api.user(first["user_id"].as_str().unwrap());
    let sessions = async || ada.get("/api/v1/user/sessions").send().await.expect(200).json()["items"].clone();
    let statuses = |items: &Value| items.as_array().unwrap().iter().map(|s| s["status"].clone()).collect::<Vec<_>>();
    let open = sessions().await;
    assert_eq!(open[0]["device_session_id"], second["device_session_id"], "newest first");
    assert_eq!(statuses(&open), ["active", "active"]);
    let revoked = ada.post("/api/v1/user/sessions/revoke-all").send().await.expect(200).json();
    assert_eq!(revoked["device_session_ids"].as_array().unwrap().len(), 2);
    assert_eq!(statuses(&sessions().await), ["revoked", "revoked"]);
    assert_eq!(api.count("device_sessions WHERE status = 'active'").await, 1, "another's session stays");
}
