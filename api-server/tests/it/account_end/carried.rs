//! Sanctions outlive the account: whoever signs up again with an identity of a deleted one has them again (SPEC §6).

use serde_json::{Value, json};

use super::{ACCOUNT, USERS, block, delete, open_session, sign_up};
use crate::harness::{Api, PEPPER, text};
use crate::public::auth::sign_in;

/// An end that no run of the tests sees.
const LATER: &str = "2099-01-01T00:00:00Z";

async fn sanction(api: &Api, user: &str, body: Value) -> Value {
    api.admin().post(format!("{USERS}/{user}/sanctions")).json(&body).send().await.expect(201).json()
}

async fn sanctions(api: &Api, user: &str) -> Vec<Value> {
    let account = api.admin().get(format!("{USERS}/{user}")).send().await.expect(200).json();
    account["sanctions"].as_array().unwrap().clone()
}

async fn lift(api: &Api, user: &str, sanction: &Value) {
    let path = format!("{USERS}/{user}/sanctions/{}/lift", text(sanction, "sanction_id"));
    api.admin().post(path).send().await.expect(200);
}

async fn provision(api: &Api, kind: &str, external_id: &str) -> String {
    let body = json!({ "kind": kind, "external_id": external_id });
    let answer = api.gateway().post("/api/v1/internal/identities/provision").json(&body).send().await;
    text(&answer.expect(200).json(), "user_id")
}

#[tokio::test]
async fn what_was_in_force_comes_back_with_the_address_and_nothing_else_does() {
    let api = Api::start().await;
    let other = api.replica().await;
    let ada = sign_up(&api, "ada@xn--mnchen-3ya.example").await;
    let joining = json!({ "kind": "game_join_block", "reason": "Ada was rude", "ends_at": LATER });
    let joining = sanction(&api, &ada, joining).await;
    let lifted = sanction(&api, &ada, json!({ "kind": "profile_update_block", "reason": "x" })).await;
    lift(&api, &ada, &lifted).await;
    let over =
        sanction(&api, &ada, json!({ "kind": "private_game_create_block", "reason": "x", "ends_at": LATER })).await;
    api.sql(
        "UPDATE sanctions SET ends_at = now() - interval '1 second' WHERE sanction_id = $1::uuid",
        &text(&over, "sanction_id"),
    )
    .await;
    api.user(&ada).delete(ACCOUNT).send().await.expect(204);

    // Others sign up as ever.
    let eve = sign_up(&api, "eve@example.org").await;
    assert_eq!(sanctions(&api, &eve).await, Vec::<Value>::new());
    let again = sign_up(&other, "ADA@münchen.example").await;
    assert_ne!(again, ada);
    let back = sanctions(&api, &again).await;
    assert_eq!(back.len(), 1, "{back:?}");
    for field in ["kind", "actor", "starts_at", "ends_at"] {
        assert_eq!(back[0][field], joining[field], "{field}");
    }
    assert_ne!(back[0]["sanction_id"], joining["sanction_id"]);
    assert_eq!(back[0]["reason"], "was in force on a deleted account of this person");
    let game = api.open_public_game(json!({})).await;
    let path = format!("/api/v1/user/lobby/games/{game}/applications");
    let answer = api.user(&again).post(path).json(&json!({ "race_name": "Zerg" })).send().await;
    answer.expect_problem(403, "sanctioned");

    // It survives as often as they go, and no longer than it is in force.
    api.user(&again).delete(ACCOUNT).send().await.expect(204);
    let third = sign_up(&api, "ada@xn--mnchen-3ya.example").await;
    let back = sanctions(&api, &third).await;
    assert_eq!((back.len(), &back[0]["ends_at"]), (1, &joining["ends_at"]));
    lift(&api, &third, &back[0]).await;
    api.user(&third).delete(ACCOUNT).send().await.expect(204);
    let fourth = sign_up(&api, "ada@xn--mnchen-3ya.example").await;
    assert_eq!(sanctions(&api, &fourth).await, Vec::<Value>::new());
    assert_eq!(api.count("carried_sanctions").await, 0);
}

#[tokio::test]
async fn a_block_that_ends_while_nobody_has_the_address_does_not_come_back() {
    let api = Api::start().await;
    let ada = sign_up(&api, "ada@example.org").await;
    sanction(&api, &ada, json!({ "kind": "login_block", "reason": "x", "ends_at": LATER })).await;
    delete(&api, &ada).await.expect(204);
    sqlx::query("UPDATE carried_sanctions SET ends_at = now() - interval '1 second'")
        .execute(&api.pool())
        .await
        .unwrap();
    let again = sign_up(&api, "ada@example.org").await;
    assert_eq!(sanctions(&api, &again).await, Vec::<Value>::new());
    assert_eq!(api.count("carried_sanctions").await, 0);
}

#[tokio::test]
async fn who_was_blocked_for_good_stays_out_by_every_way_in_until_an_administrator_lifts_it() {
    let api = Api::start().await;
    let ada = sign_up(&api, "ada@example.org").await;
    api.sql(
        "INSERT INTO identities (identity_id, user_id, kind, external_id) VALUES (gen_random_uuid(), $1::uuid, 'telegram', '4242')",
        &ada,
    )
    .await;
    block(&api, &ada).await.expect(201);
    delete(&api, &ada).await.expect(204);

    let (challenge, code) = sign_in::mailed(&api, "ada@example.org").await;
    sign_in::confirm(&api, &challenge, &code, json!({})).await.expect_problem(403, "account_blocked");
    let by_mail = provision(&api, "email", "ada@example.org").await;
    let by_telegram = provision(&api, "telegram", "4242").await;
    assert!(by_mail != ada && by_telegram != ada && by_mail != by_telegram);
    for user in [&by_mail, &by_telegram] {
        assert_eq!(sanctions(&api, user).await[0]["kind"], "permanent_block");
        open_session(&api, user).await.expect_problem(403, "account_blocked");
        api.user(user).get(ACCOUNT).send().await.expect_problem(401, "user_unknown");
    }
    lift(&api, &by_mail, &sanctions(&api, &by_mail).await[0]).await;
    assert_eq!(sign_up(&api, "ada@example.org").await, by_mail);
}

#[tokio::test]
async fn a_new_pepper_finds_what_the_one_before_wrote() {
    let api = Api::start().await;
    let new = ("BACKEND_AUTH_CODE_PEPPER", "another-pepper-which-is-long-enough-too");
    let rotating = api.replica_with(&[new, ("BACKEND_AUTH_CODE_PEPPER_PREVIOUS", PEPPER)]).await;
    let forgetful = api.replica_with(&[new]).await;
    for email in ["ada@example.org", "bob@example.org"] {
        let user = sign_up(&api, email).await;
        sanction(&api, &user, json!({ "kind": "login_block", "reason": "x" })).await;
        delete(&api, &user).await.expect(204);
    }
    let ada = provision(&rotating, "email", "ada@example.org").await;
    open_session(&rotating, &ada).await.expect_problem(403, "account_blocked");
    // What the page says of unsetting it too early.
    let bob = provision(&forgetful, "email", "bob@example.org").await;
    open_session(&forgetful, &bob).await.expect(201);

    // Codes as well: one that was mailed before the rotation opens after it.
    let (challenge, code) = sign_in::mailed(&api, "eve@example.org").await;
    sign_in::confirm(&forgetful, &challenge, &code, json!({})).await.expect_problem(422, "code_incorrect");
    sign_in::confirm(&rotating, &challenge, &code, json!({})).await.expect(200);
    let (challenge, code) = sign_in::mailed(&rotating, "eve@example.org").await;
    sign_in::confirm(&forgetful, &challenge, &code, json!({})).await.expect(200);
}
