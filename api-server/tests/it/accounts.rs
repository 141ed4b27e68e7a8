//! Accounts as users and the gateway see them (SPEC §6): profiles, identities, sessions that the gateway opens, limits.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use futures::future::join_all;
use serde_json::{Value, json};
use testkit::openapi::{ContractClient, ContractResponse};

use crate::harness::{Api, game, text};
use crate::sign_in;

const ACCOUNT: &str = "/api/v1/user/account";
const PROVISION: &str = "/api/v1/internal/identities/provision";
const GAMES: &str = "/api/v1/user/lobby/games";

async fn provision(api: &Api, body: Value) -> ContractResponse {
    api.gateway().post(PROVISION).json(&body).send().await
}

async fn patch(user: &ContractClient, body: Value) -> ContractResponse {
    user.patch(ACCOUNT).json(&body).send().await
}

#[tokio::test]
async fn a_profile_is_kept_in_its_canonical_form() {
    let api = Api::start().await;
    let (_, ada) = api.player("ada").await;
    let changed = patch(
        &ada,
        json!({
            "user_name": " Ada.Lovelace ",
            "display_name": "  Ада  Лавлейс ",
            "preferred_language": "EN-us",
            "time_zone": "Europe/Berlin",
        }),
    );
    let changed = changed.await.expect(200).json();
    assert_eq!(
        (&changed["user_name"], &changed["display_name"], &changed["preferred_language"], &changed["time_zone"]),
        (&json!("ada.lovelace"), &json!("Ада Лавлейс"), &json!("en-US"), &json!("Europe/Berlin"))
    );
    // What is absent stays; null clears the free name.
    let changed = patch(&ada, json!({ "display_name": null })).await.expect(200).json();
    assert_eq!((&changed["user_name"], &changed["display_name"]), (&json!("ada.lovelace"), &Value::Null));
    for (body, pointer) in [
        (json!({ "user_name": "ab" }), "/user_name"),
        (json!({ "user_name": "ада" }), "/user_name"),
        (json!({ "display_name": "" }), "/display_name"),
        (json!({ "display_name": "a\u{200B}b" }), "/display_name"),
        (json!({ "display_name": "a\u{202E}b" }), "/display_name"),
        (json!({ "display_name": "pаypal" }), "/display_name"),
        (json!({ "preferred_language": "not a tag" }), "/preferred_language"),
        (json!({ "time_zone": "Mars/Olympus" }), "/time_zone"),
    ] {
        let answer = patch(&ada, body).await.expect_problem(400, "invalid_request");
        assert_eq!(answer.json()["errors"][0]["pointer"], pointer);
    }
}

#[tokio::test]
async fn names_that_look_alike_are_one_whoever_asks_where() {
    let api = Api::start().await;
    let other = api.replica().await;
    let mut players = Vec::new();
    for n in 0..8 {
        players.push(api.player(&format!("someone{}", char::from(b'a' + n))).await);
    }
    // The same name in spellings that look the same, on two replicas at once.
    let spellings = ["amelia", "arnelia", "AMELIA", "ame-lia"];
    let answers = join_all(players.iter().enumerate().map(|(n, (id, _))| {
        let replica = if n % 2 == 0 { &api } else { &other };
        let user = replica.user(id);
        async move { patch(&user, json!({ "user_name": spellings[n % 4] })).await }
    }))
    .await;
    assert_eq!(answers.iter().filter(|a| a.status == 200).count(), 1, "{answers:?}");
    assert!(answers.iter().all(|a| a.status == 200 || a.json()["code"] == "user_name_taken"));
    // To write one's own name differently is no conflict.
    let winner = answers.iter().position(|a| a.status == 200).unwrap();
    patch(&players[winner].1, json!({ "user_name": "a-m-e-l-i-a" })).await.expect(200);
}

#[tokio::test]
async fn however_many_provision_an_identity_it_has_one_account() {
    let api = Api::start().await;
    let other = api.replica().await;
    for (body, n) in [
        (json!({ "kind": "telegram", "external_id": "123456789", "display_name": "Ada ★" }), 1),
        (json!({ "kind": "email", "external_id": " Ada@Example.ORG " }), 2),
    ] {
        let calls = (0..16).map(|n| provision(if n % 2 == 0 { &api } else { &other }, body.clone()));
        let answers: Vec<Value> = join_all(calls).await.into_iter().map(|a| a.expect(200).json()).collect();
        assert_eq!(answers.iter().filter(|a| a["created"] == true).count(), 1);
        assert!(answers.iter().all(|a| a["user_id"] == answers[0]["user_id"]));
        assert_eq!((api.count("accounts").await, api.count("identities").await), (n, n));
    }
}

#[tokio::test]
async fn an_address_is_one_identity_by_whichever_way_it_came() {
    let api = Api::start().await;
    let challenge = sign_in::send(&api, "ada@example.org").await;
    let code = sign_in::code(&api, &challenge).await;
    let signed_in = sign_in::confirm(&api, &challenge, &code, json!({})).await.expect(200).json();
    let found =
        provision(&api, json!({ "kind": "email", "external_id": "ADA@example.org", "display_name": "Not Ada" }));
    let found = found.await.expect(200).json();
    assert_eq!((&found["user_id"], &found["created"]), (&signed_in["user_id"], &json!(false)));
    let account = api.gateway().get(format!("/api/v1/internal/users/{}", text(&found, "user_id")));
    assert_eq!(account.send().await.expect(200).json()["display_name"], Value::Null, "an account keeps its own name");
    // And the other way round.
    let made = provision(&api, json!({ "kind": "email", "external_id": "bob@example.org" })).await.expect(200).json();
    let challenge = sign_in::send(&api, "bob@example.org").await;
    let code = sign_in::code(&api, &challenge).await;
    let signed_in = sign_in::confirm(&api, &challenge, &code, json!({})).await.expect(200).json();
    assert_eq!((&signed_in["user_id"], &signed_in["account_created"]), (&made["user_id"], &json!(false)));
}

#[tokio::test]
async fn identities_that_are_none_make_nothing() {
    let api = Api::start().await;
    for (body, pointer) in [
        (json!({ "kind": "email", "external_id": "nobody" }), "/external_id"),
        (json!({ "kind": "telegram", "external_id": "a b" }), "/external_id"),
    ] {
        let answer = provision(&api, body).await.expect_problem(400, "invalid_request");
        assert_eq!(answer.json()["errors"][0]["pointer"], pointer);
    }
    for body in [
        json!({ "kind": "phone", "external_id": "1" }),
        json!({ "kind": "email" }),
        json!({ "kind": "telegram", "external_id": "" }),
        json!({ "kind": "telegram", "external_id": "1", "surprise": 1 }),
    ] {
        api.gateway().post(PROVISION).bad().json(&body).send().await.expect_problem(400, "invalid_request");
    }
    assert_eq!(api.count("accounts").await, 0);
}

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

#[tokio::test]
async fn limits_set_for_one_account_hold_where_its_plan_s_would() {
    let api = Api::start().await;
    let other = api.replica().await;
    api.engine_version().await;
    let (ada_id, ada) = api.player("ada").await;
    let limits = format!("/api/v1/admin/users/{ada_id}/limits");
    let set = |body: Value| api.admin().post(&limits).json(&body).send();
    let none = json!({ "private_games": null, "memberships": null, "race_names": null });
    assert_eq!(api.admin().get(&limits).send().await.expect(200).json(), none);
    let five = set(json!({ "private_games": 5, "memberships": 2 })).await.expect(200).json();
    assert_eq!(five, json!({ "private_games": 5, "memberships": 2, "race_names": null }));
    // Free would allow three.
    let make = |replica: &Api| replica.user(&ada_id).post(GAMES).json(&game(json!({}))).send();
    let answers = join_all((0..10).map(|n| make(if n % 2 == 0 { &api } else { &other }))).await;
    assert_eq!(answers.iter().filter(|a| a.status == 201).count(), 5);
    assert!(answers.iter().all(|a| a.status == 201 || a.json()["code"] == "limit_reached"));
    // Free would allow ten.
    let mut applications = Vec::new();
    for _ in 0..5 {
        let id = api.open_public_game(json!({})).await;
        let path = format!("{GAMES}/{id}/applications");
        let made = ada.post(path).json(&json!({ "race_name": "Zerg" })).send().await.expect(201).json();
        applications.push(format!("/api/v1/admin/games/{id}/applications/{}/approve", text(&made, "application_id")));
    }
    let approvals = applications.iter().enumerate().map(|(n, path)| {
        let replica = if n % 2 == 0 { &api } else { &other };
        replica.admin().post(path).send()
    });
    let answers = join_all(approvals).await;
    assert_eq!(answers.iter().filter(|a| a.status == 200).count(), 2, "{answers:?}");
    // A plan does not beat what was set; null gives the plan its say again.
    api.plan(&ada_id, "yearly").await;
    make(&api).await.expect_problem(409, "limit_reached");
    set(json!({ "private_games": 0 })).await.expect(200);
    make(&other).await.expect_problem(409, "limit_reached");
    set(json!({})).await.expect(200);
    make(&other).await.expect(201);
    api.admin()
        .post(&limits)
        .bad()
        .json(&json!({ "memberships": -1 }))
        .send()
        .await
        .expect_problem(400, "invalid_request");
    assert_eq!(api.count("audit_log WHERE action = 'user.limits.set'").await, 3);
}

#[tokio::test]
async fn who_is_deleted_meanwhile_changes_nothing() {
    let api = Api::start().await;
    let (id, ada) = api.player("ada").await;
    // Deletions and changes of the same account at once: no change comes after, and none fails otherwise than by name.
    let other = api.replica().await;
    let changes = (0..8).map(|n| {
        let user = if n % 2 == 0 { api.user(&id) } else { other.user(&id) };
        async move { patch(&user, json!({ "user_name": format!("ada{n}") })).await }
    });
    let (answers, deleted) = futures::join!(join_all(changes), ada.delete(ACCOUNT).send());
    deleted.expect(204);
    assert!(answers.iter().all(|a| a.status == 200 || a.json()["code"] == "user_unknown"), "{answers:?}");
    assert_eq!(api.count("accounts WHERE user_name LIKE 'deleted-%' AND deleted_at IS NOT NULL").await, 1);
}
