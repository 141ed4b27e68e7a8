//! `Idempotency-Key` (SPEC §3): one row however often and however much at once it is asked for.

use futures::future::join_all;
use serde_json::{Value, json};
use testkit::openapi::ContractClient;

use crate::harness::{Api, game, text};

const CALLERS: usize = 12;

/// Who makes games, each through two replicas, and where.
fn makers(api: &Api, other: &Api, user: &str) -> [([ContractClient; 2], &'static str); 2] {
    [
        ([api.user(user), other.user(user)], "/api/v1/user/lobby/games"),
        ([api.admin(), other.admin()], "/api/v1/admin/games"),
    ]
}

#[tokio::test]
async fn many_at_once_make_one_game() {
    let api = Api::start().await;
    let other = api.replica().await;
    api.engine_version().await;
    let ada = api.account("ada").await;
    let body = game(json!({}));
    for (clients, path) in makers(&api, &other, &ada) {
        let before = api.count("games").await;
        let calls = (0..CALLERS).map(|n| clients[n % 2].post(path).header("Idempotency-Key", "k-1").json(&body).send());
        let answers = join_all(calls).await;
        let ids: Vec<String> = answers.iter().map(|a| text(&a.clone().expect(201).json(), "game_id")).collect();
        assert!(ids.iter().all(|id| *id == ids[0]), "{ids:?}");
        assert_eq!(api.count("games").await, before + 1);
        assert!(answers.iter().all(|a| a.header("location") == format!("{path}/{}", ids[0])));
        let another = game(json!({ "name": "Another" }));
        for client in &clients {
            let reused = client.post(path).header("Idempotency-Key", "k-1").json(&another).send().await;
            reused.expect_problem(422, "idempotency_key_reused");
        }
        // Another key, another game; and no key at all.
        clients[0].post(path).header("Idempotency-Key", "k-2").json(&body).send().await.expect(201);
        clients[1].post(path).json(&body).send().await.expect(201);
        assert_eq!(api.count("games").await, before + 3);
    }
}

#[tokio::test]
async fn a_null_in_what_the_engine_is_told_is_something_asked_for() {
    let api = Api::start().await;
    api.engine_version().await;
    let ada = api.account("ada").await;
    let body = game(json!({ "settings": { "fog": null } }));
    let with = |member: &str, value: Value| {
        let mut changed = body.clone();
        changed[member] = value;
        changed
    };
    for (clients, path) in makers(&api, &api, &ada) {
        let make = |body: Value| clients[0].post(path).header("Idempotency-Key", "k").json(&body).send();
        let made = make(body.clone()).await.expect(201).json();
        assert_eq!(made["settings"], json!({ "fog": null }));
        // A member of the API's own is the same absent and null.
        let again = make(with("description", Value::Null)).await.expect(201).json();
        assert_eq!(again["game_id"], made["game_id"]);
        for settings in [json!({}), json!({ "fog": false }), json!({ "fog": [null] }), Value::Null] {
            make(with("settings", settings)).await.expect_problem(422, "idempotency_key_reused");
        }
    }
}

#[tokio::test]
async fn of_two_requests_under_one_key_at_once_one_is_heard() {
    let api = Api::start().await;
    let other = api.replica().await;
    api.engine_version().await;
    let ada = api.account("ada").await;
    let bodies = [game(json!({ "name": "Orion" })), game(json!({ "name": "Cygnus" }))];
    for (clients, path) in makers(&api, &other, &ada) {
        let before = api.count("games").await;
        // Either of them through both replicas.
        let answers = join_all(
            (0..CALLERS)
                .map(|n| clients[n % 2].post(path).header("Idempotency-Key", "k").json(&bodies[n / 2 % 2]).send()),
        )
        .await;
        let made: Vec<String> =
            answers.iter().filter(|a| a.status == 201).map(|a| text(&a.json(), "game_id")).collect();
        assert_eq!(made.len(), CALLERS / 2, "{answers:?}");
        assert!(made.iter().all(|id| *id == made[0]), "{made:?}");
        assert!(answers.iter().all(|a| a.status == 201 || a.json()["code"] == "idempotency_key_reused"), "{answers:?}");
        assert_eq!(api.count("games").await, before + 1);
    }
}

#[tokio::test]
async fn a_replay_answers_the_present_state_whatever_the_limits_say_now() {
    let api = Api::start().await;
    let other = api.replica().await;
    api.engine_version().await;
    let (ada_id, ada) = api.player("ada").await;
    let (_, eve) = api.player("eve").await;
    let body = game(json!({}));
    let path = "/api/v1/user/lobby/games";
    let make = |replica: &Api| replica.user(&ada_id).post(path).header("Idempotency-Key", "k").json(&body).send();
    let id = text(&make(&api).await.expect(201).json(), "game_id");
    ada.post(format!("{path}/{id}/open-enrollment")).send().await.expect(200);
    for _ in 0..2 {
        ada.post(path).json(&body).send().await.expect(201);
    }
    ada.post(path).json(&body).send().await.expect_problem(409, "limit_reached");
    let again = make(&other).await.expect(201).json();
    assert_eq!((&again["game_id"], &again["status"]), (&json!(id), &json!("enrollment_open")));
    // A key is its owner's.
    assert_ne!(
        eve.post(path).header("Idempotency-Key", "k").json(&body).send().await.expect(201).json()["game_id"],
        id
    );
}

#[tokio::test]
async fn applications_invites_and_versions_too() {
    let api = Api::start().await;
    let other = api.replica().await;
    let (ada_id, ada) = api.player("ada").await;
    let bob = api.account("bob").await;
    let public = api.open_public_game(json!({})).await;
    let private = api.open_private_game(&ada, json!({})).await;
    let apply = format!("/api/v1/user/lobby/games/{public}/applications");
    let invite = format!("/api/v1/user/lobby/games/{private}/invites");
    let users = [api.user(&ada_id), other.user(&ada_id)];
    let admins = [api.admin(), other.admin()];
    for (clients, path, body, id) in [
        (&users, apply.as_str(), json!({ "race_name": "Zerg" }), "application_id"),
        (&users, invite.as_str(), json!({ "invited_user_id": bob }), "invite_id"),
        (&users, invite.as_str(), json!({ "max_uses": 3 }), "invite_id"),
        (&admins, "/api/v1/admin/engine-versions", json!({ "version": "2.0.0", "image": "e:2" }), "version"),
    ] {
        let key = format!("k{}", body.to_string().len());
        let calls = (0..CALLERS).map(|n| clients[n % 2].post(path).header("Idempotency-Key", &key).json(&body).send());
        let answers = join_all(calls).await;
        let ids: Vec<String> = answers.into_iter().map(|a| text(&a.expect(201).json(), id)).collect();
        assert!(ids.iter().all(|one| *one == ids[0]), "{path}: {ids:?}");
    }
    assert_eq!((api.count("applications").await, api.count("invites").await), (1, 2));
    assert_eq!(
        api.count("notifications WHERE kind IN ('lobby.application.submitted', 'lobby.invite.received')").await,
        2
    );
    let registered = "audit_log WHERE action = 'engine_version.create' AND target_id = '2.0.0'";
    assert_eq!(api.count(registered).await, 1);
    let versions = other.admin().post("/api/v1/admin/engine-versions").header("Idempotency-Key", "k33");
    let another = versions.json(&json!({ "version": "3.0.0", "image": "e:3" })).send().await;
    another.expect_problem(422, "idempotency_key_reused");
    let found = api.admin().get("/api/v1/admin/engine-versions/2.0.0").send().await.expect(200).json();
    assert_eq!(found["image"], "e:2");
    // The same key for another game is another request.
    let elsewhere = api.open_public_game(json!({})).await;
    let path = format!("/api/v1/user/lobby/games/{elsewhere}/applications");
    let key = format!("k{}", json!({ "race_name": "Zerg" }).to_string().len());
    let answer = ada.post(path).header("Idempotency-Key", key).json(&json!({ "race_name": "Zerg" })).send().await;
    answer.expect_problem(422, "idempotency_key_reused");
}
