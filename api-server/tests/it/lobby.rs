//! Games, their states, and who may move them (SPEC §7).

use futures::future::join_all;
use serde_json::{Value, json};

use crate::harness::{Api, VERSION, game, text};

fn user_game(id: &str, action: &str) -> String {
    format!("/api/v1/user/lobby/games/{id}{}{action}", if action.is_empty() { "" } else { "/" })
}

fn admin_game(id: &str, action: &str) -> String {
    format!("/api/v1/admin/games/{id}{}{action}", if action.is_empty() { "" } else { "/" })
}

#[tokio::test]
async fn a_private_game_is_seen_by_its_own_alone() {
    let api = Api::start().await;
    let (ada_id, ada) = api.player("ada").await;
    let (eve_id, eve) = api.player("eve").await;
    let id = api.open_private_game(&ada, json!({})).await;
    let found = ada.get(user_game(&id, "")).send().await.expect(200).json();
    assert_eq!(
        (&found["visibility"], &found["owner_user_id"], &found["status"]),
        (&json!("private"), &json!(ada_id), &json!("enrollment_open"))
    );
    eve.get(user_game(&id, "")).send().await.expect_problem(404, "game_not_found");
    eve.get(user_game(&id, "memberships")).send().await.expect_problem(404, "game_not_found");
    eve.get(user_game(&id, "invites")).send().await.expect_problem(404, "game_not_found");
    eve.post(user_game(&id, "cancel")).send().await.expect_problem(404, "game_not_found");
    eve.post(user_game(&id, "applications"))
        .json(&json!({ "race_name": "Zerg" }))
        .send()
        .await
        .expect_problem(404, "game_not_found");
    assert_eq!(eve.get("/api/v1/user/lobby/games").send().await.expect(200).json()["items"], json!([]));
    // Once invited, it is there; managing it is still its owner's.
    ada.post(user_game(&id, "invites")).json(&json!({ "invited_user_id": eve_id })).send().await.expect(201);
    eve.get(user_game(&id, "")).send().await.expect(200);
    eve.post(user_game(&id, "cancel")).send().await.expect_problem(403, "not_game_owner");
    // Administrators see it, and may call it off, but not run it.
    api.admin().post(admin_game(&id, "ready-to-start")).send().await.expect_problem(403, "not_game_owner");
    api.admin().post(admin_game(&id, "cancel")).send().await.expect(200);
}

#[tokio::test]
async fn a_public_draft_is_seen_by_its_owner_alone() {
    let api = Api::start().await;
    let (ada_id, ada) = api.player("ada").await;
    let (_, eve) = api.player("eve").await;
    let id = api.public_game(json!({ "owner_user_id": ada_id })).await;
    eve.get(user_game(&id, "")).send().await.expect_problem(404, "game_not_found");
    ada.post(user_game(&id, "open-enrollment")).send().await.expect(200);
    eve.get(user_game(&id, "")).send().await.expect(200);
    eve.post(user_game(&id, "ready-to-start")).send().await.expect_problem(403, "not_game_owner");
    eve.get(user_game(&id, "applications")).send().await.expect_problem(403, "not_game_owner");
}

#[tokio::test]
async fn actions_that_do_not_fit_the_state_conflict() {
    let api = Api::start().await;
    let id = api.public_game(json!({ "min_players": 1 })).await;
    let refused = async |actions: &[&str]| {
        for action in actions {
            api.admin().post(admin_game(&id, action)).send().await.expect_problem(409, "game_state_conflict");
        }
    };
    refused(&["ready-to-start", "start", "retry-start", "pause", "resume"]).await;
    api.admin().post(admin_game(&id, "open-enrollment")).send().await.expect(200);
    refused(&["open-enrollment", "start", "retry-start", "pause", "resume"]).await;
    api.admin().post(admin_game(&id, "ready-to-start")).send().await.expect_problem(409, "not_enough_players");
    let (_, ada) = api.player("ada").await;
    api.join(&id, &ada, "Zerg").await;
    api.admin().post(admin_game(&id, "ready-to-start")).send().await.expect(200);
    refused(&["open-enrollment", "ready-to-start", "retry-start", "pause", "resume"]).await;
    let started = api.admin().post(admin_game(&id, "start")).send().await.expect(200).json();
    assert_eq!(started["status"], "starting");
    assert_eq!(api.count("runtime_jobs WHERE kind = 'start' AND status = 'pending'").await, 1);
    refused(&["open-enrollment", "ready-to-start", "start", "retry-start", "pause", "resume"]).await;
    let cancelled = api.admin().post(admin_game(&id, "cancel")).send().await.expect(200).json();
    assert_eq!(cancelled["status"], "cancelled");
    refused(&["open-enrollment", "ready-to-start", "start", "retry-start", "pause", "resume", "cancel"]).await;
    assert_eq!(api.count("race_names WHERE status <> 'released'").await, 0, "a cancelled game holds no names");
}

#[tokio::test]
async fn one_of_many_starts_goes_through() {
    let api = Api::start().await;
    let id = api.open_public_game(json!({ "min_players": 1 })).await;
    let (_, ada) = api.player("ada").await;
    api.join(&id, &ada, "Zerg").await;
    api.admin().post(admin_game(&id, "ready-to-start")).send().await.expect(200);
    let answers = join_all((0..8).map(|_| api.admin().post(admin_game(&id, "start")).send())).await;
    assert_eq!(answers.iter().filter(|a| a.status == 200).count(), 1);
    assert!(answers.iter().all(|a| a.status == 200 || a.json()["code"] == "game_state_conflict"));
    assert_eq!(api.count("runtime_jobs").await, 1);
}

#[tokio::test]
async fn a_start_needs_an_idle_runtime_and_an_enabled_version() {
    let api = Api::start().await;
    let id = api.open_public_game(json!({ "min_players": 1 })).await;
    let (_, ada) = api.player("ada").await;
    api.join(&id, &ada, "Zerg").await;
    api.admin().post(admin_game(&id, "ready-to-start")).send().await.expect(200);
    api.admin().post(format!("/api/v1/admin/engine-versions/{VERSION}/disable")).send().await.expect(200);
    api.admin().post(admin_game(&id, "start")).send().await.expect_problem(409, "engine_version_disabled");
    let enabled = json!({ "enabled": true });
    api.admin().patch(format!("/api/v1/admin/engine-versions/{VERSION}")).json(&enabled).send().await.expect(200);
    api.sql("INSERT INTO runtime_jobs (job_id, game_id, kind) VALUES (gen_random_uuid(), $1::uuid, 'stop')", &id).await;
    api.admin().post(admin_game(&id, "start")).send().await.expect_problem(409, "runtime_busy");
    assert_eq!(api.game(&id).await["status"], "ready_to_start", "nothing of the refused start stays");
}

#[tokio::test]
async fn pausing_rests_the_turns_and_resuming_makes_them_due() {
    let api = Api::start().await;
    let id = api.open_public_game(json!({ "min_players": 1 })).await;
    api.sql("UPDATE games SET status = 'running', current_turn = 3, started_at = now() WHERE game_id = $1::uuid", &id)
        .await;
    api.sql(
        "INSERT INTO runtime_records (game_id, status, driver, daemon_id, engine_version, image, engine_token, endpoint)
         VALUES ($1::uuid, 'running', 'process', 'd', '1.0.0', 'i', 't', 'http://127.0.0.1:1')",
        &id,
    )
    .await;
    api.sql(
        "INSERT INTO runtime_turns (game_id, daemon_id, status, scheduled_at) VALUES ($1::uuid, 'd', 'pending', now())",
        &id,
    )
    .await;
    assert!(api.game(&id).await["next_turn_at"].is_string());
    for round in 1..=2 {
        let paused = api.admin().post(admin_game(&id, "pause")).send().await.expect(200).json();
        assert_eq!(
            (&paused["status"], &paused["pause_reason"], &paused["next_turn_at"]),
            (&json!("paused"), &json!("manual"), &Value::Null)
        );
        let resumed = api.admin().post(admin_game(&id, "resume")).send().await.expect(200).json();
        assert_eq!((&resumed["status"], &resumed["pause_reason"]), (&json!("running"), &Value::Null));
        assert!(resumed["next_turn_at"].is_string());
        assert_eq!(api.count("notifications WHERE kind = 'game.paused'").await, round);
        assert_eq!(api.count("notifications WHERE kind = 'game.resumed'").await, round);
    }
    assert_eq!(
        api.count(&format!("notifications WHERE idempotency_key IN ('paused:{id}:3', 'paused:{id}:3:2')")).await,
        2
    );
    // A container that is gone comes back by a start, not by going on.
    api.admin().post(admin_game(&id, "pause")).send().await.expect(200);
    api.sql("UPDATE runtime_records SET endpoint = NULL, status = 'removed' WHERE game_id = $1::uuid", &id).await;
    api.admin().post(admin_game(&id, "resume")).send().await.expect_problem(409, "game_state_conflict");
}

#[tokio::test]
async fn games_are_changed_within_their_state() {
    let api = Api::start().await;
    let (_, ada) = api.player("ada").await;
    let id = api.open_private_game(&ada, json!({})).await;
    let patch = async |body: Value| ada.patch(user_game(&id, "")).json(&body).send().await;
    let changed = patch(
        json!({ "name": "Cygnus", "max_players": 6, "turn_schedule": "0 * * * *", "time_zone": "Europe/Berlin" }),
    )
    .await;
    let changed = changed.expect(200).json();
    assert_eq!(
        (&changed["name"], &changed["max_players"], &changed["time_zone"]),
        (&json!("Cygnus"), &json!(6), &json!("Europe/Berlin"))
    );
    patch(json!({ "min_players": 7 })).await.expect_problem(400, "invalid_request");
    patch(json!({ "turn_schedule": "nonsense" })).await.expect_problem(400, "invalid_request");
    patch(json!({ "target_engine_version": "9.9.9" })).await.expect_problem(400, "invalid_request");
    api.sql("UPDATE games SET status = 'paused', pause_reason = 'manual' WHERE game_id = $1::uuid", &id).await;
    patch(json!({ "description": "still here" })).await.expect(200);
    patch(json!({ "max_players": 9 })).await.expect_problem(409, "game_state_conflict");
    patch(json!({ "target_engine_version": VERSION })).await.expect_problem(409, "game_state_conflict");
    api.sql("UPDATE games SET status = 'finished' WHERE game_id = $1::uuid", &id).await;
    patch(json!({ "name": "late" })).await.expect_problem(409, "game_state_conflict");
}

#[tokio::test]
async fn plans_limit_private_games_even_at_once() {
    let api = Api::start().await;
    api.engine_version().await;
    let (ada_id, ada) = api.player("ada").await;
    let make = || ada.post("/api/v1/user/lobby/games").json(&game(json!({}))).send();
    let answers = join_all((0..8).map(|_| make())).await;
    assert_eq!(answers.iter().filter(|a| a.status == 201).count(), 3);
    assert!(answers.iter().all(|a| a.status == 201 || a.json()["code"] == "limit_reached"));
    api.plan(&ada_id, "monthly").await;
    let made = make().await.expect(201);
    let id = text(&made.json(), "game_id");
    assert_eq!(made.header("location"), format!("/api/v1/user/lobby/games/{id}"));
}

#[tokio::test]
async fn sanctions_hold_at_once() {
    let api = Api::start().await;
    let (ada_id, ada) = api.player("ada").await;
    let public = api.open_public_game(json!({})).await;
    let private = api.open_private_game(&ada, json!({})).await;
    api.sanction(&ada_id, "private_game_manage_block").await;
    ada.post(user_game(&private, "cancel")).send().await.expect_problem(403, "sanctioned");
    ada.patch(user_game(&private, "")).json(&json!({ "name": "x" })).send().await.expect_problem(403, "sanctioned");
    ada.post("/api/v1/user/lobby/games").json(&game(json!({}))).send().await.expect(201);
    api.sanction(&ada_id, "private_game_create_block").await;
    ada.post("/api/v1/user/lobby/games").json(&game(json!({}))).send().await.expect_problem(403, "sanctioned");
    let apply = json!({ "race_name": "Zerg" });
    ada.post(user_game(&public, "applications")).json(&apply).send().await.expect(201);
    api.sanction(&ada_id, "game_join_block").await;
    ada.post(user_game(&public, "applications")).json(&apply).send().await.expect_problem(403, "sanctioned");
    let application = ada.get("/api/v1/user/lobby/my/applications").send().await.expect(200).json();
    let approve = format!("applications/{}/approve", text(&application["items"][0], "application_id"));
    api.admin().post(admin_game(&public, &approve)).send().await.expect_problem(403, "sanctioned");
}

#[tokio::test]
async fn lists_are_paged_and_stable() {
    let api = Api::start().await;
    let (_, ada) = api.player("ada").await;
    let mut made = Vec::new();
    for _ in 0..5 {
        made.push(api.open_public_game(json!({})).await);
    }
    made.reverse();
    let list = "/api/v1/user/lobby/games";
    let first = ada.get(list).query("limit", 2).send().await.expect(200).json();
    api.open_public_game(json!({})).await;
    let second =
        ada.get(list).query("limit", 2).query("cursor", text(&first, "next_cursor")).send().await.expect(200).json();
    let third =
        ada.get(list).query("limit", 2).query("cursor", text(&second, "next_cursor")).send().await.expect(200).json();
    let ids: Vec<String> = [&first, &second, &third]
        .iter()
        .flat_map(|p| p["items"].as_array().unwrap())
        .map(|g| text(g, "game_id"))
        .collect();
    assert_eq!(ids, made);
    assert_eq!(third["next_cursor"], Value::Null);
    let none = api.admin().get("/api/v1/admin/games").query("status", "running").send().await.expect(200).json();
    assert_eq!(none["items"], json!([]));
    api.admin()
        .get("/api/v1/admin/games")
        .query("status", "odd")
        .bad()
        .send()
        .await
        .expect_problem(400, "invalid_request");
}

#[tokio::test]
async fn engine_versions_are_registered_once_and_leave_a_trail() {
    let api = Api::start().await;
    let list = "/api/v1/admin/engine-versions";
    for version in ["1.0.0", "1.1.0", "2.0.0"] {
        let answer =
            api.admin().post(list).json(&json!({ "version": version, "image": "e:1" })).send().await.expect(201);
        assert_eq!(answer.header("location"), format!("{list}/{version}"));
    }
    api.admin()
        .post(list)
        .json(&json!({ "version": "1.0.0", "image": "e:2" }))
        .send()
        .await
        .expect_problem(409, "engine_version_exists");
    for bad in [json!({ "version": "v1", "image": "e" }), json!({ "version": "3.0.0", "image": "a b" })] {
        api.admin().post(list).json(&bad).send().await.expect_problem(400, "invalid_request");
    }
    let page = api.admin().get(list).query("limit", 2).send().await.expect(200).json();
    assert_eq!((&page["items"][0]["version"], &page["items"][1]["version"]), (&json!("2.0.0"), &json!("1.1.0")));
    let page = api.admin().get(list).query("cursor", text(&page, "next_cursor")).send().await.expect(200).json();
    assert_eq!((&page["items"][0]["version"], &page["next_cursor"]), (&json!("1.0.0"), &Value::Null));
    let changed =
        api.admin().patch(format!("{list}/1.0.0")).json(&json!({ "image": "e:3" })).send().await.expect(200).json();
    assert_eq!((&changed["image"], &changed["enabled"]), (&json!("e:3"), &json!(true)));
    let changed = api.admin().post(format!("{list}/1.0.0/disable")).send().await.expect(200).json();
    assert_eq!(changed["enabled"], false);
    api.admin()
        .post("/api/v1/admin/games")
        .json(&game(json!({})))
        .send()
        .await
        .expect_problem(409, "engine_version_disabled");
    api.admin().get(format!("{list}/9.9.9")).send().await.expect_problem(404, "engine_version_not_found");
    api.admin()
        .patch(format!("{list}/9.9.9"))
        .json(&json!({}))
        .send()
        .await
        .expect_problem(404, "engine_version_not_found");
    assert_eq!(api.count("audit_log WHERE target_type = 'engine_version' AND actor = 'root'").await, 5);
}

#[tokio::test]
async fn runtimes_are_shown_with_their_log() {
    let api = Api::start().await;
    let id = api.public_game(json!({})).await;
    let path = format!("/api/v1/admin/runtimes/{id}");
    api.admin().get(&path).send().await.expect_problem(404, "runtime_not_found");
    api.sql(
        "INSERT INTO runtime_records (game_id, status, driver, daemon_id, engine_version, image, engine_token)
         VALUES ($1::uuid, 'starting', 'process', 'd', '1.0.0', 'i', 'secret-token')",
        &id,
    )
    .await;
    api.sql(
        "INSERT INTO runtime_operations (operation_id, game_id, op, outcome)
        VALUES (gen_random_uuid(), $1::uuid, 'pull', 'ok')",
        &id,
    )
    .await;
    api.sql(
        "INSERT INTO runtime_jobs (job_id, game_id, kind, step) VALUES (gen_random_uuid(), $1::uuid, 'start', 'pull')",
        &id,
    )
    .await;
    let answer = api.admin().get(&path).send().await.expect(200);
    assert!(!String::from_utf8_lossy(&answer.body).contains("secret-token"));
    let runtime = answer.json();
    // No controller serves that daemon here.
    assert_eq!(
        (&runtime["operations"][0]["op"], &runtime["job"]["step"], &runtime["health"]),
        (&json!("pull"), &json!("pull"), &json!("unserved"))
    );
    let list = api.admin().get("/api/v1/admin/runtimes").query("status", "starting").send().await.expect(200).json();
    assert_eq!((list["items"].as_array().unwrap().len(), &list["items"][0]["job"]["kind"]), (1, &json!("start")));
}
