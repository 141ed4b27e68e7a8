//! `Idempotency-Key` (SPEC §3): one row however often and however much at once it is asked for.

use futures::future::join_all;
use serde_json::json;

use crate::harness::{Api, game, text};

#[tokio::test]
async fn many_at_once_make_one_game() {
    let api = Api::start().await;
    api.engine_version().await;
    let (_, ada) = api.player("ada").await;
    let body = game(json!({}));
    for (client, path) in [(ada, "/api/v1/user/lobby/games"), (api.admin(), "/api/v1/admin/games")] {
        let before = api.count("games").await;
        let answers =
            join_all((0..8).map(|_| client.post(path).header("Idempotency-Key", "k-1").json(&body).send())).await;
        let ids: Vec<String> = answers.iter().map(|a| text(&a.clone().expect(201).json(), "game_id")).collect();
        assert!(ids.iter().all(|id| *id == ids[0]), "{ids:?}");
        assert_eq!(api.count("games").await, before + 1);
        assert!(answers.iter().all(|a| a.header("location") == format!("{path}/{}", ids[0])));
        let other = game(json!({ "name": "Another" }));
        let reused = client.post(path).header("Idempotency-Key", "k-1").json(&other).send().await;
        reused.expect_problem(422, "idempotency_key_reused");
        // Another key, another game; and no key at all.
        client.post(path).header("Idempotency-Key", "k-2").json(&body).send().await.expect(201);
        client.post(path).json(&body).send().await.expect(201);
        assert_eq!(api.count("games").await, before + 3);
    }
}

#[tokio::test]
async fn a_replay_answers_the_present_state_whatever_the_limits_say_now() {
    let api = Api::start().await;
    api.engine_version().await;
    let (_, ada) = api.player("ada").await;
    let (_, eve) = api.player("eve").await;
    let body = game(json!({}));
    let path = "/api/v1/user/lobby/games";
    let make = || ada.post(path).header("Idempotency-Key", "k").json(&body).send();
    let id = text(&make().await.expect(201).json(), "game_id");
    ada.post(format!("{path}/{id}/open-enrollment")).send().await.expect(200);
    for _ in 0..2 {
        ada.post(path).json(&body).send().await.expect(201);
    }
    ada.post(path).json(&body).send().await.expect_problem(409, "limit_reached");
    let again = make().await.expect(201).json();
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
    let (_, ada) = api.player("ada").await;
    let (bob_id, _) = api.player("bob").await;
    let public = api.open_public_game(json!({})).await;
    let private = api.open_private_game(&ada, json!({})).await;
    let apply = format!("/api/v1/user/lobby/games/{public}/applications");
    let invite = format!("/api/v1/user/lobby/games/{private}/invites");
    for (client, path, body, id) in [
        (&ada, apply.as_str(), json!({ "race_name": "Zerg" }), "application_id"),
        (&ada, invite.as_str(), json!({ "invited_user_id": bob_id }), "invite_id"),
        (&ada, invite.as_str(), json!({ "max_uses": 3 }), "invite_id"),
        (&api.admin(), "/api/v1/admin/engine-versions", json!({ "version": "2.0.0", "image": "e:2" }), "version"),
    ] {
        let key = format!("k{}", body.to_string().len());
        let answers =
            join_all((0..6).map(|_| client.post(path).header("Idempotency-Key", &key).json(&body).send())).await;
        let ids: Vec<String> = answers.into_iter().map(|a| text(&a.expect(201).json(), id)).collect();
        assert!(ids.iter().all(|one| *one == ids[0]), "{path}: {ids:?}");
    }
    assert_eq!((api.count("applications").await, api.count("invites").await), (1, 2));
    assert_eq!(
        api.count("notifications WHERE kind IN ('lobby.application.submitted', 'lobby.invite.received')").await,
        2
    );
    let versions = api.admin().post("/api/v1/admin/engine-versions").header("Idempotency-Key", "k33");
    let another = versions.json(&json!({ "version": "3.0.0", "image": "e:3" })).send().await;
    another.expect_problem(422, "idempotency_key_reused");
    let found = api.admin().get("/api/v1/admin/engine-versions/2.0.0").send().await.expect(200).json();
    assert_eq!(found["image"], "e:2");
    // The same key for another game is another request.
    let other = api.open_public_game(json!({})).await;
    let path = format!("/api/v1/user/lobby/games/{other}/applications");
    let key = format!("k{}", json!({ "race_name": "Zerg" }).to_string().len());
    let answer = ada.post(path).header("Idempotency-Key", key).json(&json!({ "race_name": "Zerg" })).send().await;
    answer.expect_problem(422, "idempotency_key_reused");
}
