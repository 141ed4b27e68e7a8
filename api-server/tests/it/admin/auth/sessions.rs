//! How long a session stands, and what ends it.

use serde_json::{Value, json};
use testkit::openapi::ContractClient;

use super::{AUTH, administrator, ask, set_up, signed_in, with_cookie};
use crate::harness::{Api, PASSWORD, text};

const LIST: &str = "/api/v1/admin/queues";

#[tokio::test]
async fn a_session_ends_when_nobody_uses_it_and_in_the_end_at_any_rate() {
    let api = Api::start().await;
    administrator(&api, "ada", &["owner"]).await;
    let ada = signed_in(&api, "ada").await;
    let seen = async |ago: &str| {
        let set = format!("UPDATE admin_sessions SET last_seen_at = now() - interval '{ago}' WHERE user_name = $1");
        api.sql(&set, "ada").await;
    };
    let fresh = "admin_sessions WHERE last_seen_at > now() - interval '1 minute'";
    seen("29 minutes").await;
    ada.get(LIST).header("X-Background", "1").send().await.expect(200);
    assert_eq!(api.count(fresh).await, 0, "what a page asks for by itself keeps no session alive");
    ada.get(LIST).send().await.expect(200);
    assert_eq!(api.count(fresh).await, 1);
    seen("31 minutes").await;
    ada.get(LIST).send().await.expect_problem(401, "admin_session_required");
    seen("1 second").await;
    ada.get(LIST).send().await.expect(200);
    api.sql("UPDATE admin_sessions SET expires_at = now() WHERE user_name = $1", "ada").await;
    ada.get(LIST).send().await.expect_problem(401, "admin_session_required");
}

#[tokio::test]
async fn whatever_changes_an_account_ends_its_sessions_everywhere() {
    let api = Api::start().await;
    let other = api.replica().await;
    administrator(&api, "ada", &["owner"]).await;
    let account = "/api/v1/admin/admin-accounts/ada";
    let changes = [
        ("roles_changed", "PATCH", account.to_owned(), json!({ "roles": ["owner", "viewer"] })),
        ("disabled", "POST", format!("{account}/disable"), Value::Null),
        ("factor_changed", "POST", format!("{account}/reset-second-factor"), json!({ "reason": "lost" })),
        ("password_changed", "POST", format!("{account}/reset-password"), Value::Null),
    ];
    for (reason, method, path, body) in changes {
        let answer = ask(&api, "ada", PASSWORD).await.expect(200);
        let there = with_cookie(&other, &answer);
        there.get(LIST).send().await.expect(200);
        let request = api.admin().request(method.parse().unwrap(), &path);
        let request = if body.is_null() { request } else { request.json(&body) };
        request.send().await.expect(200);
        there.get(LIST).send().await.expect_problem(401, "admin_session_required");
        let kept = format!("admin_sessions WHERE user_name = 'ada' AND end_reason = '{reason}'");
        assert_eq!(api.count(&kept).await, 1, "{reason}");
        api.admin().post(format!("{account}/enable")).send().await.expect(200);
    }
}

#[tokio::test]
async fn one_changes_ones_own_password_by_the_present_one() {
    let api = Api::start().await;
    administrator(&api, "ada", &["viewer"]).await;
    let ada = signed_in(&api, "ada").await;
    let path = format!("{AUTH}/password");
    let new = "another long password";
    let change = |present: &str, new: &str| {
        ada.post(&path).bad().json(&json!({ "password": present, "new_password": new })).send()
    };
    change("a wrong password", new).await.expect_problem(422, "password_incorrect");
    // Somebody who is in is no failed sign-in.
    let (action, outcome, in_session): (String, String, bool) = sqlx::query_as(
        "SELECT l.action, l.outcome, s.session_id IS NOT NULL FROM audit_log l LEFT JOIN admin_sessions s USING (session_id)
          WHERE l.actor = 'ada' ORDER BY l.audit_id DESC LIMIT 1",
    )
    .fetch_one(&api.pool())
    .await
    .unwrap();
    assert_eq!((action.as_str(), outcome.as_str(), in_session), ("admin_account.change_password", "refused", true));
    change(PASSWORD, "passwordpassword").await.expect_problem(400, "invalid_request");
    let done = change(PASSWORD, new).await.expect(200);
    assert!(done.header("set-cookie").contains("Max-Age=0"));
    ada.get(LIST).send().await.expect_problem(401, "admin_session_required");
    ask(&api, "ada", PASSWORD).await.expect_problem(401, "sign_in_refused");
    ask(&api, "ada", new).await.expect(200);
}

#[tokio::test]
async fn one_sees_and_ends_ones_own_sessions_and_nobody_elses() {
    let api = Api::start().await;
    for name in ["ada", "bob"] {
        administrator(&api, name, &["viewer"]).await;
    }
    let (one, two, bob) = (signed_in(&api, "ada").await, signed_in(&api, "ada").await, signed_in(&api, "bob").await);
    let path = format!("{AUTH}/sessions");
    let listed = one.get(&path).send().await.expect(200).json();
    let items = listed["items"].as_array().unwrap();
    assert_eq!(items.iter().map(|item| item["current"].as_bool().unwrap()).collect::<Vec<_>>(), [false, true]);
    let id = text(&items[0], "session_id");
    let end = |client: &ContractClient| client.post(format!("{path}/{id}/end")).send();
    end(&bob).await.expect_problem(404, "session_not_found");
    two.get(LIST).send().await.expect(200);
    assert_eq!(end(&one).await.expect(200).json()["end_reason"], "ended");
    two.get(LIST).send().await.expect_problem(401, "admin_session_required");
    end(&one).await.expect(200);
}

#[tokio::test]
async fn a_page_is_not_asked_for_basic_and_basic_can_be_switched_off() {
    let api = Api::start_with(&[("BACKEND_ADMIN_BASIC", "false")]).await;
    let with = api.replica().await;
    with.client.get(LIST).send().await.expect_problem(401, "admin_credentials_required");
    let script = with.client.get(LIST).header("Sec-Fetch-Mode", "cors").send().await;
    script.expect_problem(401, "admin_session_required");
    with.admin().get(LIST).send().await.expect(200);
    api.admin().get(LIST).send().await.expect_problem(401, "admin_session_required");
    // Never for who has a second factor.
    administrator(&api, "ada", &["owner"]).await;
    with.client.with_basic("ada", PASSWORD).get(LIST).send().await.expect(200);
    set_up(&api, &signed_in(&api, "ada").await).await;
    with.client.with_basic("ada", PASSWORD).get(LIST).send().await.expect_problem(401, "admin_session_required");
}
