//! The second factor: set up, asked for, used, reset.

use serde_json::json;

use super::{AUTH, administrator, ask, by_code, code, forget_steps, set_up, signed_in, with_cookie};
use crate::harness::{Api, PASSWORD};

const LIST: &str = "/api/v1/admin/queues";

#[tokio::test]
async fn who_may_write_sets_a_second_factor_up_before_anything_else() {
    let api = Api::start_with(&[("BACKEND_ADMIN_REQUIRE_TOTP", "true")]).await;
    administrator(&api, "ada", &["operator"]).await;
    administrator(&api, "eve", &["viewer"]).await;
    let ada = signed_in(&api, "ada").await;
    ada.get(LIST).send().await.expect_problem(403, "second_factor_required");
    let me = ada.get(format!("{AUTH}/me")).send().await.expect(200).json();
    assert_eq!((&me["factor"]["enabled"], &me["factor"]["required"]), (&json!(false), &json!(true)));
    signed_in(&api, "eve").await.get(LIST).send().await.expect(200);
    api.client.with_basic("ada", PASSWORD).get(LIST).send().await.expect_problem(403, "second_factor_required");
    let (_, _, ada) = set_up(&api, &ada).await;
    ada.get(LIST).send().await.expect(200);
    let me = ada.get(format!("{AUTH}/me")).send().await.expect(200).json();
    assert_eq!((&me["factor"]["enabled"], &me["factor"]["recovery_codes_left"]), (&json!(true), &json!(10)));
}

#[tokio::test]
async fn a_set_up_is_confirmed_once_and_its_code_counts_as_used() {
    let api = Api::start().await;
    administrator(&api, "ada", &["owner"]).await;
    let ada = signed_in(&api, "ada").await;
    let path = format!("{AUTH}/totp/confirm");
    let confirm = |code: &str| ada.post(&path).json(&json!({ "code": code })).send();
    confirm("123456").await.expect_problem(409, "no_second_factor");
    let begun = ada.post(format!("{AUTH}/totp")).send().await.expect(200).json();
    let secret = begun["secret"].as_str().unwrap().to_owned();
    let right = code(&api, &secret, 0).await;
    let wrong = if right == "111111" { "222222" } else { "111111" };
    confirm(wrong).await.expect_problem(422, "code_incorrect");
    // Nothing has changed yet.
    assert_eq!(ask(&api, "ada", PASSWORD).await.expect(200).json()["second_factor"], json!(null));
    let done = confirm(&right).await.expect(200);
    // Every session ended, and this one goes on as another.
    ada.get(LIST).send().await.expect_problem(401, "admin_session_required");
    with_cookie(&api, &done).get(LIST).send().await.expect(200);
    by_code(&api, "ada", &right).await.expect_problem(422, "code_incorrect");
    // What lies in the database is sealed.
    let kept: Vec<u8> = sqlx::query_scalar("SELECT totp_secret FROM admin_accounts WHERE user_name = 'ada'")
        .fetch_one(&api.pool())
        .await
        .unwrap();
    assert_eq!(kept.len(), 1 + 12 + 20 + 16);
}

#[tokio::test]
async fn what_hurts_wants_a_code_of_the_last_ten_minutes() {
    let api = Api::start().await;
    administrator(&api, "ada", &["owner"]).await;
    let (secret, recovery, ada) = set_up(&api, &signed_in(&api, "ada").await).await;
    let disable = "/api/v1/admin/admin-accounts/root/disable";
    let enable = "/api/v1/admin/admin-accounts/root/enable";
    ada.post(disable).send().await.expect(200);
    ada.post(enable).send().await.expect(200);
    api.sql("UPDATE admin_sessions SET confirmed_until = now() WHERE user_name = $1", "ada").await;
    ada.post(disable).send().await.expect_problem(403, "confirmation_required");
    ada.post(format!("{AUTH}/totp")).send().await.expect_problem(403, "confirmation_required");
    let user = api.account("bob").await;
    let sanction = |kind: &str| {
        let body = json!({ "kind": kind, "reason": "x" });
        ada.post(format!("/api/v1/admin/users/{user}/sanctions")).json(&body).send()
    };
    sanction("game_join_block").await.expect(201);
    sanction("permanent_block").await.expect_problem(403, "confirmation_required");
    let path = format!("{AUTH}/confirm");
    let confirm = |code: &str| ada.post(&path).json(&json!({ "code": code })).send();
    forget_steps(&api, "ada").await;
    let right = code(&api, &secret, 0).await;
    confirm(&right).await.expect(200);
    confirm(&right).await.expect_problem(422, "code_incorrect");
    confirm(&recovery[0]).await.expect(200);
    sanction("permanent_block").await.expect(201);
    ada.post(disable).send().await.expect(200);
    api.client.with_basic("root", PASSWORD).get(LIST).send().await.expect_problem(401, "admin_credentials_required");
}

#[tokio::test]
async fn confirming_wants_a_session_and_a_factor() {
    let api = Api::start().await;
    let body = json!({ "code": "123456" });
    let path = format!("{AUTH}/confirm");
    api.admin().post(&path).json(&body).send().await.expect_problem(409, "no_session");
    administrator(&api, "ada", &["owner"]).await;
    signed_in(&api, "ada").await.post(&path).json(&body).send().await.expect_problem(409, "no_second_factor");
}

#[tokio::test]
async fn who_lost_the_device_is_let_in_again_by_an_owner_and_told() {
    let api = Api::start().await;
    administrator(&api, "ada", &["support"]).await;
    set_up(&api, &signed_in(&api, "ada").await).await;
    let account = "/api/v1/admin/admin-accounts/ada";
    let patch = json!({ "email": "ada@example.org" });
    api.admin().patch(account).json(&patch).send().await.expect(200);
    let reason = json!({ "reason": "lost the phone in the lake" });
    let answer = api.admin().post(format!("{account}/reset-second-factor")).json(&reason).send().await.expect(200);
    assert_eq!(answer.json()["has_second_factor"], false);
    signed_in(&api, "ada").await.get(LIST).send().await.expect(200);
    assert_eq!(api.count("admin_recovery_codes").await, 0);
    let (template, to, text): (String, String, String) = sqlx::query_as(
        "SELECT template_id, address, body_text FROM mail_deliveries JOIN mail_recipients USING (delivery_id)
           JOIN mail_payloads USING (delivery_id)",
    )
    .fetch_one(&api.pool())
    .await
    .unwrap();
    assert_eq!((template.as_str(), to.as_str()), ("admin.second_factor_reset", "ada@example.org"));
    assert!(text.contains("lost the phone in the lake") && text.contains("By: root"), "{text}");
}

#[tokio::test]
async fn the_last_owner_and_the_last_with_a_factor_stay_what_they_are() {
    let api = Api::start().await;
    administrator(&api, "ada", &["owner"]).await;
    let accounts = "/api/v1/admin/admin-accounts";
    let demote = json!({ "roles": ["operator"] });
    let (_, _, ada) = set_up(&api, &signed_in(&api, "ada").await).await;
    // There is another owner, but none with a second factor.
    for request in [ada.post(format!("{accounts}/ada/disable")), ada.patch(format!("{accounts}/ada")).json(&demote)] {
        request.send().await.expect_problem(409, "last_administrator");
    }
    ada.patch(format!("{accounts}/root")).json(&demote).send().await.expect(200);
    api.sql("UPDATE admin_accounts SET totp_secret = NULL WHERE user_name = $1", "ada").await;
    for request in [ada.post(format!("{accounts}/ada/disable")), ada.patch(format!("{accounts}/ada")).json(&demote)] {
        request.send().await.expect_problem(409, "last_administrator");
    }
    // An administrator who is no owner, of whatever number, is none.
    api.admin().post(format!("{accounts}/ada/disable")).send().await.expect_problem(403, "role_required");
}

#[tokio::test]
async fn a_key_is_rotated_without_anybody_setting_up_anew() {
    let api = Api::start().await;
    administrator(&api, "ada", &["owner"]).await;
    let (secret, recovery, _) = set_up(&api, &signed_in(&api, "ada").await).await;
    let new = "another-key-of-the-tests-which-is-long-enough";
    let before = crate::harness::SECRETS_KEY;
    let both = api.replica_with(&[("BACKEND_SECRETS_KEY", new), ("BACKEND_SECRETS_KEY_PREVIOUS", before)]).await;
    forget_steps(&api, "ada").await;
    by_code(&both, "ada", &code(&api, &secret, 0).await).await.expect(200);
    // What was used is sealed anew.
    let after = api.replica_with(&[("BACKEND_SECRETS_KEY", new)]).await;
    by_code(&after, "ada", &code(&api, &secret, 1).await).await.expect(200);
    // Without any key a recovery code is as useless as the device: nobody has a second factor there.
    let without = api.replica_with(&[("BACKEND_SECRETS_KEY", "")]).await;
    by_code(&without, "ada", &recovery[0]).await.expect_problem(409, "second_factor_unavailable");
    let root = without.admin();
    root.post(format!("{AUTH}/totp")).send().await.expect_problem(409, "second_factor_unavailable");
    let confirm = root.post(format!("{AUTH}/totp/confirm")).json(&json!({ "code": "123456" }));
    confirm.send().await.expect_problem(409, "second_factor_unavailable");
    administrator(&api, "bob", &["owner"]).await;
    let bob = signed_in(&without, "bob").await;
    let confirm = bob.post(format!("{AUTH}/confirm")).json(&json!({ "code": "123456" }));
    confirm.send().await.expect_problem(409, "second_factor_unavailable");
}
