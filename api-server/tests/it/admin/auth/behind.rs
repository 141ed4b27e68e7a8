//! What was under way when an administrator's way in was taken from them: none of it opens another one behind that.

use std::time::Duration;

use serde_json::{Value, json};
use testkit::eventually;
use testkit::openapi::{ContractClient, ContractRequest, ContractResponse};

use super::{AUTH, administrator, ask, code, set_up, signed_in};
use crate::harness::{Api, PASSWORD, text};

const ACCOUNTS: &str = "/api/v1/admin/admin-accounts";

/// Lets `first` come to ada's account, then the others, and only then any of them go on.
async fn behind(api: &Api, first: ContractRequest, others: Vec<ContractRequest>) -> Vec<ContractResponse> {
    let mut held = api.pool().begin().await.unwrap();
    sqlx::query("SELECT FROM admin_accounts WHERE user_name = 'ada' FOR UPDATE").execute(&mut *held).await.unwrap();
    let mut under_way = Vec::new();
    for request in std::iter::once(first).chain(others) {
        under_way.push(tokio::spawn(request.send()));
        let waiting = i64::try_from(under_way.len()).unwrap();
        eventually(Duration::from_secs(90), "it waits for the account", || async {
            let waits = "pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()";
            api.count(waits).await == waiting
        })
        .await;
    }
    held.rollback().await.unwrap();
    let mut answers = Vec::new();
    for answer in under_way {
        answers.push(answer.await.unwrap());
    }
    answers
}

/// Of the answers of [`behind`] the first is right, and all others are as of one whose session has ended.
fn only_the_first(answers: Vec<ContractResponse>) {
    for (n, answer) in answers.into_iter().enumerate() {
        match n {
            0 => answer.expect(200),
            _ => answer.expect_problem(401, "admin_session_required"),
        };
    }
}

fn token(client: &ContractClient) -> ContractRequest {
    client.post(format!("{AUTH}/tokens")).json(&json!({ "name": "x", "roles": ["viewer"], "expires_in_days": 1 }))
}

#[tokio::test]
async fn nothing_is_done_to_ways_in_behind_a_reset_of_the_password() {
    let api = Api::start().await;
    for name in ["ada", "bob"] {
        administrator(&api, name, &["owner"]).await;
    }
    let (ada, other) = (signed_in(&api, "ada").await, signed_in(&api, "ada").await);
    let made = token(&ada).send().await.expect(201).json();
    let session = other.get(format!("{AUTH}/me")).send().await.expect(200).json()["session"]["session_id"].clone();
    ada.post(format!("{AUTH}/totp")).send().await.expect(200);
    let of_bob = |verb: &str| ada.post(format!("{ACCOUNTS}/bob/{verb}"));
    let under_way = vec![
        token(&ada),
        ada.post(format!("{AUTH}/tokens/{}/revoke", text(&made, "token_id"))),
        ada.post(format!("{AUTH}/sessions/{}/end", session.as_str().unwrap())),
        ada.post(format!("{AUTH}/totp")),
        ada.post(format!("{AUTH}/password")).json(&json!({ "password": PASSWORD, "new_password": "another long one" })),
        ada.post(ACCOUNTS).json(&json!({ "user_name": "eve", "password": "another long one" })),
        ada.patch(format!("{ACCOUNTS}/bob")).json(&json!({ "roles": ["viewer"] })),
        of_bob("enable"),
        of_bob("disable"),
        of_bob("reset-password"),
        of_bob("reset-second-factor").json(&json!({ "reason": "lost" })),
    ];
    only_the_first(behind(&api, api.admin().post(format!("{ACCOUNTS}/ada/reset-password")), under_way).await);
    assert_eq!(api.count("admin_tokens WHERE revoked_at IS NULL").await, 0);
    assert_eq!(api.count("admin_accounts").await, 3);
    assert_eq!(api.count("admin_accounts WHERE totp_pending IS NOT NULL").await, 0, "who was in may have its secret");
    ask(&api, "bob", PASSWORD).await.expect(200);
}

#[tokio::test]
async fn a_set_up_that_is_confirmed_behind_a_change_of_roles_opens_nothing() {
    let api = Api::start().await;
    administrator(&api, "ada", &["owner"]).await;
    let ada = signed_in(&api, "ada").await;
    let begun = ada.post(format!("{AUTH}/totp")).send().await.expect(200).json();
    let body = json!({ "code": code(&api, &text(&begun, "secret"), 0).await });
    let roles = api.admin().patch(format!("{ACCOUNTS}/ada")).json(&json!({ "roles": ["viewer"] }));
    only_the_first(behind(&api, roles, vec![ada.post(format!("{AUTH}/totp/confirm")).json(&body)]).await);
    assert_eq!(api.count("admin_sessions WHERE ended_at IS NULL").await, 0);
    assert_eq!(api.count("admin_accounts WHERE totp_secret IS NOT NULL").await, 0);
}

#[tokio::test]
async fn a_code_that_is_given_behind_the_end_of_its_session_confirms_nothing() {
    let api = Api::start().await;
    administrator(&api, "ada", &["owner"]).await;
    let (_, recovery, ada) = set_up(&api, &signed_in(&api, "ada").await).await;
    let confirm = ada.post(format!("{AUTH}/confirm")).json(&json!({ "code": recovery[0] }));
    only_the_first(behind(&api, ada.post(format!("{AUTH}/sign-out")), vec![confirm]).await);
    assert_eq!(api.count("admin_recovery_codes WHERE used_at IS NULL").await, 10);
}

#[tokio::test]
async fn who_came_by_basic_makes_no_token_behind_a_change_of_their_account() {
    let api = Api::start().await;
    administrator(&api, "ada", &["owner"]).await;
    let reset = |verb: &str| api.admin().post(format!("{ACCOUNTS}/ada/{verb}"));
    let roles = |roles: Value| api.admin().patch(format!("{ACCOUNTS}/ada")).json(&json!({ "roles": roles }));
    let basic = api.client.with_basic("ada", PASSWORD);
    // From here on the account is known to be used, and is not written at each request.
    basic.get(format!("{AUTH}/me")).send().await.expect(200);
    only_the_first(behind(&api, roles(json!(["owner", "viewer"])), vec![token(&basic)]).await);
    only_the_first(behind(&api, reset("disable"), vec![token(&basic)]).await);
    reset("enable").send().await.expect(200);
    only_the_first(behind(&api, reset("reset-password"), vec![token(&basic)]).await);
    assert_eq!(api.count("admin_tokens").await, 0);
}

#[tokio::test]
async fn one_session_ends_once_and_one_token_is_revoked_once() {
    let api = Api::start().await;
    administrator(&api, "ada", &["viewer"]).await;
    let (ada, other) = (signed_in(&api, "ada").await, signed_in(&api, "ada").await);
    let out = || ada.post(format!("{AUTH}/sign-out"));
    only_the_first(behind(&api, out(), vec![out()]).await);
    let made = token(&other).send().await.expect(201).json();
    let third = signed_in(&api, "ada").await.get(format!("{AUTH}/me")).send().await.expect(200).json();
    let revoke = || other.post(format!("{AUTH}/tokens/{}/revoke", text(&made, "token_id")));
    let end = || other.post(format!("{AUTH}/sessions/{}/end", text(&third["session"], "session_id")));
    // What is over already stays as it was.
    for again in [[revoke(), revoke()], [end(), end()]] {
        let [first, second] = again;
        let answers = behind(&api, first, vec![second]).await;
        let [one, two] = answers.try_into().unwrap_or_else(|_| unreachable!());
        assert_eq!(one.expect(200).json(), two.expect(200).json());
    }
    assert_eq!(api.count("audit_log WHERE action = 'admin_session.end'").await, 2);
    assert_eq!(api.count("audit_log WHERE action = 'admin_token.revoke'").await, 1);
}
