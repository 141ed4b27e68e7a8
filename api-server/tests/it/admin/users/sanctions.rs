//! Sanctions: set, lifted, and that they hold from the next request on (SPEC §6).

use serde_json::{Value, json};
use testkit::openapi::ContractClient;

use super::{ACCOUNT, NOBODY, USERS, lift, sanction};
use crate::harness::{Api, game, text};
use crate::public::auth::sign_in;

const GAMES: &str = "/api/v1/user/lobby/games";

#[tokio::test]
async fn a_sanction_set_on_one_replica_holds_at_the_next_call_on_the_other() {
    let api = Api::start().await;
    let other = api.replica().await;
    let (id, ada) = api.player("ada").await;
    let (eve_id, _) = api.player("eve").await;
    let public = api.open_public_game(json!({})).await;
    let private = api.open_private_game(&ada, json!({ "max_players": 9 })).await;
    let on_other = other.user(&id);
    let apply = format!("{GAMES}/{public}/applications");
    let invites = format!("{GAMES}/{private}/invites");
    let sessions = format!("/api/v1/internal/users/{id}/sessions");
    let gateway = other.gateway();
    // What each kind refuses, once it is set, and allows again, once it is lifted.
    let calls: [(&str, &ContractClient, &str, &str, Value, u16, &str); 5] = [
        ("login_block", &gateway, "POST", &sessions, json!({}), 403, "account_blocked"),
        ("private_game_create_block", &on_other, "POST", GAMES, game(json!({})), 403, "sanctioned"),
        ("private_game_manage_block", &on_other, "POST", &invites, json!({ "max_uses": 1 }), 403, "sanctioned"),
        ("profile_update_block", &on_other, "PATCH", ACCOUNT, json!({ "display_name": "Ada" }), 403, "sanctioned"),
        ("game_join_block", &on_other, "POST", &apply, json!({ "race_name": "Zerg" }), 403, "sanctioned"),
    ];
    for (kind, client, method, path, body, status, code) in calls {
        let call = || client.request(method.parse().unwrap(), path).json(&body).send();
        let set = sanction(&api, &id, kind).await;
        assert_eq!((&set["kind"], &set["actor"], &set["lifted_at"]), (&json!(kind), &json!("root"), &Value::Null));
        call().await.expect_problem(status, code);
        on_other.get(ACCOUNT).send().await.expect(200);
        let lifted = lift(&api, &id, &set).await.expect(200).json();
        assert!(lifted["lifted_at"].is_string());
        assert_eq!(lift(&other, &id, &set).await.expect(200).json(), lifted, "lifting twice is lifting once");
        let answer = call().await;
        assert!(answer.status.is_success(), "{kind}: {answer:?}");
    }
    let set = sanction(&api, &id, "permanent_block").await;
    on_other.get(ACCOUNT).send().await.expect_problem(401, "user_unknown");
    gateway.post(&sessions).json(&json!({})).send().await.expect_problem(403, "account_blocked");
    lift(&other, &id, &set).await.expect(200);
    ada.get(ACCOUNT).send().await.expect(200);
    // Six were set and lifted once each; another account's sanction is not this one's.
    assert_eq!(api.count("audit_log WHERE action = 'user.sanction.set' AND actor = 'root'").await, 6);
    assert_eq!(api.count("audit_log WHERE action = 'user.sanction.lift'").await, 6);
    lift(&api, &eve_id, &set).await.expect_problem(404, "sanction_not_found");
    lift(&api, NOBODY, &set).await.expect_problem(404, "account_not_found");
}

#[tokio::test]
async fn a_sanction_ends_by_itself_and_stays_in_the_history() {
    let api = Api::start().await;
    let (id, ada) = api.player("ada").await;
    let path = format!("{USERS}/{id}/sanctions");
    let tomorrow = game(json!({}))["enrollment_ends_at"].clone();
    let body = json!({ "kind": "profile_update_block", "reason": "a while", "ends_at": tomorrow });
    api.admin().post(&path).json(&body).send().await.expect(201);
    sanction(&api, &id, "game_join_block").await;
    ada.patch(ACCOUNT).json(&json!({})).send().await.expect_problem(403, "sanctioned");
    assert_eq!(ada.get(ACCOUNT).send().await.expect(200).json()["sanctions"].as_array().unwrap().len(), 2);
    api.sql("UPDATE sanctions SET ends_at = clock_timestamp() WHERE user_id = $1::uuid AND ends_at IS NOT NULL", &id)
        .await;
    ada.patch(ACCOUNT).json(&json!({})).send().await.expect(200);
    assert_eq!(ada.get(ACCOUNT).send().await.expect(200).json()["sanctions"].as_array().unwrap().len(), 1);
    let page = api.admin().get(&path).query("limit", 1).send().await.expect(200).json();
    assert_eq!(page["items"][0]["kind"], "game_join_block");
    let page = api.admin().get(&path).query("cursor", text(&page, "next_cursor")).send().await.expect(200).json();
    assert_eq!((&page["items"][0]["reason"], &page["next_cursor"]), (&json!("a while"), &Value::Null));
    for bad in [
        json!({ "kind": "bad_luck", "reason": "x" }),
        json!({ "kind": "login_block", "reason": "" }),
        json!({ "kind": "login_block" }),
    ] {
        api.admin().post(&path).bad().json(&bad).send().await.expect_problem(400, "invalid_request");
    }
    for (bad, pointer) in [
        (json!({ "kind": "login_block", "reason": "x", "ends_at": "2020-01-01T00:00:00Z" }), "/ends_at"),
        (json!({ "kind": "login_block", "reason": "a\u{202E}b" }), "/reason"),
    ] {
        let answer = api.admin().post(&path).json(&bad).send().await.expect_problem(400, "invalid_request");
        assert_eq!(answer.json()["errors"][0]["pointer"], pointer);
    }
    for path in ["sanctions", "entitlements", "sessions", "limits"] {
        let answer = api.admin().get(format!("{USERS}/{NOBODY}/{path}")).send().await;
        answer.expect_problem(404, "account_not_found");
    }
    let body = json!({ "kind": "login_block", "reason": "x" });
    let answer = api.admin().post(format!("{USERS}/{NOBODY}/sanctions")).json(&body).send().await;
    answer.expect_problem(404, "account_not_found");
}

#[tokio::test]
async fn a_login_block_tells_only_who_reads_the_mailbox() {
    let api = Api::start().await;
    let other = api.replica().await;
    let first = sign_in::send(&api, "ada@example.org").await;
    let code = sign_in::code(&api, &first).await;
    let signed_in = sign_in::confirm(&api, &first, &code, json!({})).await.expect(200).json();
    sanction(&api, &text(&signed_in, "user_id"), "login_block").await;
    // The same answers as for an address that nobody has, until the code is right.
    for email in ["ada@example.org", "nobody@example.org"] {
        let challenge = sign_in::send(&other, email).await;
        let right = sign_in::code(&other, &challenge).await;
        let wrong = if right == "000000" { "000001" } else { "000000" };
        sign_in::confirm(&other, &challenge, wrong, json!({})).await.expect_problem(422, "code_incorrect");
        let answer = sign_in::confirm(&other, &challenge, &right, json!({})).await;
        if email == "ada@example.org" {
            answer.expect_problem(403, "account_blocked");
        } else {
            answer.expect(200);
        }
        sign_in::confirm(&other, &challenge, &right, json!({})).await.expect_problem(410, "challenge_expired");
    }
    // A session that is open stays.
    api.user(&text(&signed_in, "user_id")).get(ACCOUNT).send().await.expect(200);
}
