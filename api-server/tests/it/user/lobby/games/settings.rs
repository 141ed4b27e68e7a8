//! What a game's engine is told when the game begins (SPEC §5 `settings`): opaque, bounded, shown, settled once it has run.

use serde_json::{Value, json};

use crate::harness::{Api, game, text};

const GAMES: &str = "/api/v1/user/lobby/games";

fn user_game(id: &str) -> String {
    format!("{GAMES}/{id}")
}

#[tokio::test]
async fn settings_are_kept_as_they_are_and_shown_to_whoever_sees_the_game() {
    let api = Api::start().await;
    api.engine_version().await;
    let (_, ada) = api.player("ada").await;
    let (eve_id, eve) = api.player("eve").await;
    let settings =
        json!({"map": {"size": 3, "ratio": 0.25, "big": 1e300}, "names": ["Ö", "\u{1}", ""], "none": null, "": {}});
    let id = api.open_private_game(&ada, json!({ "settings": settings })).await;
    assert_eq!(ada.get(user_game(&id)).send().await.expect(200).json()["settings"], settings);
    ada.post(format!("{}/invites", user_game(&id))).json(&json!({"invited_user_id": eve_id})).send().await.expect(201);
    assert_eq!(eve.get(user_game(&id)).send().await.expect(200).json()["settings"], settings);
    assert_eq!(api.game(&id).await["settings"], settings);
    let list = ada.get(GAMES).send().await.expect(200).json();
    assert_eq!(list["items"][0]["settings"], settings);
    // An administrator's game has them too; one without any has none.
    let public = api.public_game(json!({ "settings": {"turn_limit": 9} })).await;
    assert_eq!(api.game(&public).await["settings"], json!({"turn_limit": 9}));
    let plain = api.public_game(json!({})).await;
    assert_eq!(api.game(&plain).await["settings"], json!({}));
}

#[tokio::test]
async fn settings_out_of_bounds_are_refused_with_what_would_be_right() {
    let api = Api::start().await;
    api.engine_version().await;
    let (_, ada) = api.player("ada").await;
    let deep = (0..32).fold(json!({}), |inner, _| json!({ "in": inner }));
    let large = |bytes: usize| json!({ "a": "x".repeat(bytes - r#"{"a":""}"#.len()) });
    let at_most = 16 * 1024;
    for (settings, pointer, code, words) in [
        (json!([1]), "/settings", "type", "an object"),
        (json!("{}"), "/settings", "type", "an object"),
        (json!(7), "/settings", "type", "an object"),
        (large(at_most + 1), "/settings", "length", "16384 bytes"),
        (deep, "/settings", "depth", "32 levels"),
        // Refused at the door of every body already, wherever it is.
        (json!({"a": [{"b": "x\0"}]}), "/settings/a/0/b", "value", "U+0000"),
    ] {
        let id = api.public_game(json!({})).await;
        let bodies = [
            ada.post(GAMES).json(&game(json!({ "settings": settings }))),
            api.admin().post("/api/v1/admin/games").json(&game(json!({ "settings": settings }))),
            api.admin().patch(format!("/api/v1/admin/games/{id}")).json(&json!({ "settings": settings })),
        ];
        for body in bodies {
            let problem = body.bad().send().await.expect_problem(400, "invalid_request").json();
            let error = &problem["errors"][0];
            assert_eq!((&error["pointer"], &error["code"]), (&json!(pointer), &json!(code)), "{problem}");
            assert!(error["detail"].as_str().unwrap().contains(words), "{problem}");
        }
        assert_eq!(api.game(&id).await["settings"], json!({}));
    }
    api.public_game(json!({ "settings": large(at_most) })).await;
}

#[tokio::test]
async fn settings_belong_to_what_an_idempotency_key_stands_for() {
    let api = Api::start().await;
    api.engine_version().await;
    let (_, ada) = api.player("ada").await;
    let body = game(json!({}));
    let make = async |settings: Value| {
        let mut body = body.clone();
        body["settings"] = settings;
        ada.post(GAMES).header("Idempotency-Key", "once").json(&body).send().await
    };
    let first = make(json!({"turn_limit": 9})).await.expect(201).json();
    let again = make(json!({"turn_limit": 9})).await.expect(201).json();
    assert_eq!(text(&again, "game_id"), text(&first, "game_id"));
    make(json!({"turn_limit": 10})).await.expect_problem(422, "idempotency_key_reused");
}

#[tokio::test]
async fn settings_can_be_changed_until_the_game_has_run() {
    let api = Api::start().await;
    let id = api.open_public_game(json!({ "min_players": 1, "settings": {"turn_limit": 9, "map": "small"} })).await;
    let path = format!("/api/v1/admin/games/{id}");
    let change = |number: u32| api.admin().patch(&path).json(&json!({ "settings": {"turn_limit": number} })).send();
    // In place of what was said before, not beside it; a change of something else leaves them.
    assert_eq!(change(1).await.expect(200).json()["settings"], json!({"turn_limit": 1}));
    let renamed = api.admin().patch(&path).json(&json!({ "name": "Other" })).send().await.expect(200).json();
    assert_eq!(renamed["settings"], json!({"turn_limit": 1}));
    let put = async |status: &str, started: bool| {
        let sql = format!(
            "UPDATE games SET status = '{status}', started_at = CASE WHEN {started} THEN now() END WHERE game_id = $1::uuid"
        );
        sqlx::query(sqlx::AssertSqlSafe(sql)).bind(&id).execute(&api.pool()).await.unwrap();
    };
    // A start that the engine refused for them is tried again with better ones.
    for (number, status) in [(2, "ready_to_start"), (3, "start_failed")] {
        put(status, false).await;
        assert_eq!(change(number).await.expect(200).json()["settings"], json!({"turn_limit": number}));
    }
    for (status, started) in
        [("starting", false), ("start_failed", true), ("running", true), ("paused", true), ("finished", true)]
    {
        put(status, started).await;
        change(99).await.expect_problem(409, "game_state_conflict");
    }
    assert_eq!(api.game(&id).await["settings"], json!({"turn_limit": 3}));
    let trail = api.admin().get("/api/v1/admin/audit-log").send().await.expect(200).json();
    let patched = trail["items"].as_array().unwrap().iter().filter(|entry| entry["detail"]["settings"] == "changed");
    assert_eq!(patched.count(), 3, "that they were changed is in the trail");
}
