//! Games that administrators start and stop by force, and the engine that they choose for a stopped one (SPEC §5).

use serde_json::{Value, json};

use crate::admin::runtimes::{game, job_done, running, stopped, trail, uuid, version};
use crate::harness::{Api, VERSION};

#[tokio::test]
async fn a_stopped_game_comes_back_by_force_alone_perhaps_on_another_engine() {
    let api = Api::start().await;
    let id = running(&api).await;
    let answer = game(&api, &id, "force-stop").await.expect(200).json();
    assert_eq!((&answer["status"], &answer["pause_reason"]), (&json!("paused"), &json!("stopped")));
    assert_eq!(answer["next_turn_at"], Value::Null, "no turn comes due");
    assert_eq!(api.count("runtime_jobs WHERE kind = 'stop' AND status = 'pending'").await, 1);
    let told = format!("notifications WHERE idempotency_key = 'paused:{id}:3' AND payload ->> 'reason' = 'stopped'");
    assert_eq!(api.count(&told).await, 1);
    // The container is there for a moment longer: it is stopped all the same.
    game(&api, &id, "resume").await.expect_problem(409, "game_state_conflict");
    game(&api, &id, "force-start").await.expect_problem(409, "runtime_busy");
    game(&api, &id, "force-stop").await.expect_problem(409, "runtime_busy");
    stopped(&api, &id).await;
    game(&api, &id, "resume").await.expect_problem(409, "game_state_conflict");

    version(&api, "2.0.0").await;
    let path = format!("/api/v1/admin/games/{id}");
    let change = json!({ "target_engine_version": "2.0.0" });
    api.admin().patch(&path).json(&change).send().await.expect(200);
    api.admin().post("/api/v1/admin/engine-versions/2.0.0/disable").send().await.expect(200);
    game(&api, &id, "force-start").await.expect_problem(409, "engine_version_disabled");
    let enabled = json!({ "enabled": true });
    api.admin().patch("/api/v1/admin/engine-versions/2.0.0").json(&enabled).send().await.expect(200);
    let answer = game(&api, &id, "force-start").await.expect(200).json();
    assert_eq!((&answer["status"], &answer["pause_reason"]), (&json!("starting"), &Value::Null));
    assert_eq!(api.count("runtime_jobs WHERE kind = 'start' AND status = 'pending' AND daemon_id = 'd'").await, 1);
    for action in ["force-start", "force-stop", "resume"] {
        game(&api, &id, action).await.expect_problem(409, "game_state_conflict");
    }
    let forced: Vec<_> = trail(&api, &id).await.into_iter().filter(|action| action.contains("force")).collect();
    assert_eq!(forced, ["game.force-stop", "game.force-start"], "the refused ones left no trail");
    game(&api, &uuid(), "force-stop").await.expect_problem(404, "game_not_found");
    game(&api, &uuid(), "force-start").await.expect_problem(404, "game_not_found");
}

#[tokio::test]
async fn a_paused_game_is_stopped_without_telling_its_members_again() {
    let api = Api::start().await;
    let id = running(&api).await;
    game(&api, &id, "pause").await.expect(200);
    let answer = game(&api, &id, "force-stop").await.expect(200).json();
    assert_eq!((&answer["status"], &answer["pause_reason"]), (&json!("paused"), &json!("stopped")));
    assert_eq!(api.count("notifications WHERE kind = 'game.paused'").await, 1);
    stopped(&api, &id).await;
    // Once more is fine: a stop that failed can be asked for again.
    game(&api, &id, "force-stop").await.expect(200);
}

#[tokio::test]
async fn an_administrator_chooses_the_engine_of_a_stopped_private_game_and_nothing_else_of_it() {
    let api = Api::start().await;
    let (_, ada) = api.player("ada").await;
    let id = api.open_private_game(&ada, json!({})).await;
    version(&api, "2.0.0").await;
    let (engine, name) = (json!({ "target_engine_version": "2.0.0" }), json!({ "name": "Mine" }));
    let path = format!("/api/v1/admin/games/{id}");
    let patch = async |body: &Value| api.admin().patch(&path).json(body).send().await;
    patch(&engine).await.expect_problem(403, "not_game_owner");
    api.sql(
        "UPDATE games SET status = 'paused', pause_reason = 'manual', started_at = now() WHERE game_id = $1::uuid",
        &id,
    )
    .await;
    patch(&engine).await.expect_problem(409, "game_state_conflict");
    api.sql("UPDATE games SET pause_reason = 'stopped' WHERE game_id = $1::uuid", &id).await;
    patch(&name).await.expect_problem(403, "not_game_owner");
    patch(&json!({ "name": "Mine", "target_engine_version": "2.0.0" })).await.expect_problem(403, "not_game_owner");
    let own = format!("/api/v1/user/lobby/games/{id}");
    ada.patch(&own).json(&engine).send().await.expect_problem(409, "game_state_conflict");
    assert_eq!(patch(&engine).await.expect(200).json()["target_engine_version"], "2.0.0");
    api.sql("UPDATE games SET status = 'start_failed', pause_reason = NULL WHERE game_id = $1::uuid", &id).await;
    patch(&json!({ "target_engine_version": VERSION })).await.expect(200);
}

#[tokio::test]
async fn force_starts_whoever_runs_the_game_and_however_few_play() {
    let api = Api::start().await;
    let (_, ada) = api.player("ada").await;
    let private = api.open_private_game(&ada, json!({})).await;
    for status in ["ready_to_start", "start_failed"] {
        let set = format!("UPDATE games SET status = '{status}' WHERE game_id = $1::uuid");
        api.sql(&set, &private).await;
        let answer = game(&api, &private, "force-start").await.expect(200).json();
        assert_eq!(answer["status"], "starting");
        job_done(&api, &private).await;
    }
    api.sql("UPDATE games SET status = 'enrollment_open' WHERE game_id = $1::uuid", &private).await;
    game(&api, &private, "force-start").await.expect_problem(409, "game_state_conflict");
    game(&api, &private, "force-stop").await.expect_problem(409, "game_state_conflict");
}
