//! What administrators set right where the runtime cannot: a turn that the record lost, a job and a game of a daemon that nobody
//! serves; and what the API asks of controllers.

use serde_json::{Value, json};
use shared::engine_client::{EngineClient, EngineTarget, Timeouts};
use shared::ids::{GameId, WorkerId};
use shared::secret::Secret;
use std::time::Duration;
use testkit::openapi::ContractResponse;

use super::running;
use crate::harness::Api;
use crate::user::games::engine_answers::{Says, answer, saying};
use crate::user::games::play::engine;

const RUNTIMES: &str = "/api/v1/admin/runtimes";

async fn accept(api: &Api, id: &str, turn: i32) -> ContractResponse {
    api.admin().post(format!("{RUNTIMES}/{id}/accept-turn")).json(&json!({ "turn": turn })).send().await
}

async fn release(api: &Api, id: &str) -> ContractResponse {
    api.admin().post(format!("{RUNTIMES}/{id}/release")).send().await
}

async fn cancel(api: &Api, id: &str) -> ContractResponse {
    api.admin().request("DELETE".parse().unwrap(), format!("{RUNTIMES}/{id}/job")).send().await
}

async fn set(api: &Api, id: &str, table: &str, what: &str) {
    api.sql(&format!("UPDATE {table} SET {what} WHERE game_id = $1::uuid"), id).await;
}

/// A live controller of the daemon of [`running`]'s games.
async fn controller(api: &Api, daemon_id: &str) {
    sqlx::query(
        "INSERT INTO workers (worker_id, process, instance, expires_at, daemon_id)
        VALUES ($1, 'runtime-controller', 'i', now() + interval '1 hour', $2)",
    )
    .bind(WorkerId::new().uuid())
    .bind(daemon_id)
    .execute(&api.pool())
    .await
    .unwrap();
}

fn unknown() -> String {
    GameId::new().to_string()
}

/// Postgres was restored from a backup three turns old: the engine is ahead.
#[tokio::test]
async fn the_engines_turn_is_taken_where_the_engine_says_it_and_the_game_resumes() {
    let api = Api::start().await;
    let id = running(&api).await;
    let state = tempfile::tempdir().unwrap();
    let endpoint = format!("http://{}", engine(&id, &state).await);
    let target = EngineTarget { endpoint: endpoint.clone(), token: Secret::new("engine-token".to_owned()) };
    let client = EngineClient::new(Timeouts { call: Duration::from_secs(30), probe: Duration::from_secs(30) }).unwrap();
    for turn in 0..3 {
        client.turn(&target, turn).await.unwrap();
    }
    accept(&api, &unknown(), 3).await.expect_problem(404, "runtime_not_found");
    // Nobody answers there; then the engine does.
    accept(&api, &id, 3).await.expect_problem(503, "engine_unreachable");
    set(
        &api,
        &id,
        "runtime_records",
        &format!("endpoint = '{endpoint}', engine_token = 'engine-token', current_turn = 0"),
    )
    .await;
    set(&api, &id, "games", "current_turn = 0").await;
    accept(&api, &id, 3).await.expect_problem(409, "game_state_conflict");
    set(&api, &id, "games", "status = 'paused', pause_reason = 'generation_failed'").await;
    set(&api, &id, "runtime_records", "status = 'generation_failed'").await;
    set(&api, &id, "runtime_turns", "status = 'failed', expected_turn = 0").await;
    let refused = accept(&api, &id, 2).await.expect_problem(409, "game_state_conflict");
    assert!(refused.json()["detail"].as_str().unwrap().contains("at turn 3"), "{}", refused.json());
    assert_eq!(api.count(&format!("games WHERE game_id = '{id}' AND current_turn = 0")).await, 1, "nothing was taken");

    let taken = accept(&api, &id, 3).await.expect(200).json();
    assert_eq!((&taken["current_turn"], &taken["operations"][0]["op"]), (&json!(3), &json!("accept-turn")));
    assert_eq!(api.count(&format!("notifications WHERE idempotency_key = 'turn-ready:{id}:3.1'")).await, 1);
    let trail = "audit_log WHERE action = 'runtime.accept-turn' AND detail ->> 'from' = '0' AND detail ->> 'to' = '3'";
    assert_eq!(api.count(trail).await, 1);
    let game = api.admin().post(format!("/api/v1/admin/games/{id}/resume")).send().await.expect(200).json();
    assert_eq!((&game["status"], &game["current_turn"]), (&json!("running"), &json!(3)));
    assert_eq!(
        api.count(&format!("runtime_turns WHERE game_id = '{id}' AND status = 'pending' AND expected_turn IS NULL"))
            .await,
        1
    );

    // Where no engine is up, the next start sees to it; a job is not disturbed.
    set(&api, &id, "games", "status = 'start_failed', pause_reason = NULL").await;
    set(&api, &id, "runtime_records", "status = 'removed', endpoint = NULL, container_id = NULL").await;
    assert_eq!(accept(&api, &id, 1).await.expect(200).json()["current_turn"], 1, "back, too");
    api.admin().post(format!("/api/v1/admin/games/{id}/force-start")).send().await.expect(200);
    set(&api, &id, "games", "status = 'paused'").await;
    accept(&api, &id, 2).await.expect_problem(409, "runtime_busy");
}

/// A pause of the same turn is another one after it, and so is the turn when it comes again.
#[tokio::test]
async fn what_happens_after_a_turn_was_set_right_is_told_though_its_like_was_told_before() {
    let api = Api::start().await;
    let id = running(&api).await;
    set(&api, &id, "games", "current_turn = 1").await;
    let told = async |key: &str| api.count(&format!("notifications WHERE idempotency_key = '{key}'")).await;
    let pause = async || {
        set(&api, &id, "games", "status = 'running', pause_reason = NULL").await;
        api.admin().post(format!("/api/v1/admin/games/{id}/pause")).send().await.expect(200);
    };
    pause().await;
    set(&api, &id, "runtime_records", "status = 'removed', endpoint = NULL, container_id = NULL").await;
    for (taken, named) in [(0, "0.1"), (1, "1.2"), (1, "1.3")] {
        accept(&api, &id, taken).await.expect(200);
        pause().await;
        assert_eq!(told(&format!("paused:{id}:{named}")).await, 1, "{named}");
    }
    assert_eq!((told(&format!("paused:{id}:1")).await, told(&format!("turn-ready:{id}:1.2")).await), (1, 1));
}

/// As members are told, and with its words: whoever asks here can mend it.
#[tokio::test]
async fn an_engine_that_answers_badly_is_told_from_one_that_does_not_answer() {
    let api = Api::start().await;
    let id = running(&api).await;
    let says = Says::default();
    let endpoint = saying(&says).await;
    set(&api, &id, "runtime_records", &format!("endpoint = '{endpoint}'")).await;
    let problem = r#"{"code":"out_of_ships","detail":"the hangar burns"}"#;
    for (bad, words) in [
        (answer("500 Oh", problem), "500 out_of_ships: the hangar burns"),
        (answer("404 No", r#"{"code":"game_not_initialised"}"#), "404 game_not_initialised"),
        (answer("200 OK", "<html>It works!</html>"), "not to its contract"),
        (answer("200 OK", r#"{"turn":"three"}"#), "not to its contract"),
    ] {
        *says.lock() = bad.into_bytes();
        let told = accept(&api, &id, 3).await.expect_problem(502, "engine_failed").json();
        assert!(told["detail"].as_str().unwrap().contains(words), "{told}");
    }
    for away in [String::new(), answer("401 Who", problem)] {
        *says.lock() = away.into_bytes();
        accept(&api, &id, 3).await.expect_problem(503, "engine_unreachable");
    }
    let busy = "HTTP/1.1 429 Soon\r\nretry-after: 70\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";
    *says.lock() = busy.as_bytes().to_vec();
    assert_eq!(accept(&api, &id, 3).await.expect_problem(503, "engine_unreachable").header("retry-after"), "70");
}

/// R16: the daemon is another by its id, or gone.
#[tokio::test]
async fn a_game_of_a_daemon_that_nobody_serves_is_shown_so_and_can_be_taken_elsewhere() {
    let api = Api::start().await;
    let id = running(&api).await;
    let shown = async || api.admin().get(format!("{RUNTIMES}/{id}")).send().await.expect(200).json();
    assert_eq!(shown().await["health"], "unserved");
    for call in [release(&api, &unknown()).await, cancel(&api, &unknown()).await] {
        call.expect_problem(404, "runtime_not_found");
    }
    cancel(&api, &id).await.expect_problem(409, "game_state_conflict");

    // A job that nobody will ever work blocks everything, and goes.
    api.admin().post(format!("{RUNTIMES}/{id}/restart")).send().await.expect(200);
    release(&api, &id).await.expect_problem(409, "runtime_busy");
    controller(&api, "another").await;
    assert_eq!(cancel(&api, &id).await.expect(200).json()["job"]["status"], "failed");
    assert_eq!(shown().await["status"], "running", "the restart had not begun");

    let released = release(&api, &id).await.expect(200).json();
    assert_eq!(
        (&released["status"], &released["container_id"], &released["endpoint"]),
        (&json!("stopped"), &Value::Null, &Value::Null)
    );
    assert_eq!(released["health"], "unknown");
    let paused = format!("notifications WHERE idempotency_key = 'paused:{id}:3' AND payload ->> 'reason' = 'stopped'");
    assert_eq!(api.count(&paused).await, 1, "its members are told");
    let started = api.admin().post(format!("/api/v1/admin/games/{id}/force-start")).send().await.expect(200).json();
    assert_eq!(started["status"], "starting");
    let any = format!("runtime_jobs WHERE game_id = '{id}' AND kind = 'start' AND daemon_id IS NULL");
    assert_eq!(api.count(&any).await, 1, "whichever daemon's controller comes first takes it");
}

#[tokio::test]
async fn what_a_live_controller_serves_is_left_to_it() {
    let api = Api::start().await;
    let id = running(&api).await;
    controller(&api, "d").await;
    assert_eq!(api.admin().get(format!("{RUNTIMES}/{id}")).send().await.expect(200).json()["health"], "unknown");
    release(&api, &id).await.expect_problem(409, "game_state_conflict");
    set(&api, &id, "games", "status = 'paused', pause_reason = 'manual'").await;
    release(&api, &id).await.expect_problem(409, "game_state_conflict");
    api.admin().post(format!("{RUNTIMES}/{id}/restart")).send().await.expect(200);
    cancel(&api, &id).await.expect_problem(409, "game_state_conflict");
    api.sql("UPDATE runtime_jobs SET status = 'succeeded', finished_at = now() WHERE game_id = $1::uuid", &id).await;
    // Stopped, it may move though its daemon is well.
    set(&api, &id, "games", "pause_reason = 'stopped'").await;
    set(&api, &id, "runtime_records", "status = 'stopped', endpoint = NULL, container_id = NULL").await;
    // A timer that is just being finished is not waited for either, and what was left of it is kept.
    set(&api, &id, "runtime_turns", "status = 'pending', rested_at = NULL").await;
    let pool = api.pool();
    let mut finish = pool.begin().await.unwrap();
    let timer = "SELECT FROM runtime_turns WHERE game_id = $1::uuid FOR NO KEY UPDATE";
    let held = sqlx::query(timer).bind(&id).execute(&mut *finish).await.unwrap().rows_affected();
    assert_eq!(held, 1);
    release(&api, &id).await.expect_problem(409, "runtime_busy");
    finish.rollback().await.unwrap();
    release(&api, &id).await.expect(200);
    let rests = format!("runtime_turns WHERE game_id = '{id}' AND status = 'idle' AND rested_at IS NOT NULL");
    assert_eq!(api.count(&rests).await, 1);
    set(&api, &id, "games", "status = 'finished'").await;
    release(&api, &id).await.expect_problem(409, "game_state_conflict");
}

#[tokio::test]
async fn a_cancelled_job_leaves_its_game_where_somebody_can_go_on() {
    let api = Api::start().await;
    let (starting, held) = (running(&api).await, running(&api).await);
    for (id, kind) in [(&starting, "start"), (&held, "patch")] {
        api.sql(
            &format!(
                "INSERT INTO runtime_jobs (job_id, game_id, kind, daemon_id, status, token)
                VALUES (gen_random_uuid(), $1::uuid, '{kind}', 'd', 'running', 4)"
            ),
            id,
        )
        .await;
        set(&api, id, "runtime_records", "status = 'starting', endpoint = NULL").await;
    }
    set(&api, &starting, "games", "status = 'starting'").await;
    // Whoever is just finishing it has the job's row, and waits for the game: it is not waited for.
    let pool = api.pool();
    let mut finish = pool.begin().await.unwrap();
    sqlx::query("SELECT FROM runtime_jobs WHERE game_id = $1::uuid FOR NO KEY UPDATE")
        .bind(&starting)
        .execute(&mut *finish)
        .await
        .unwrap();
    cancel(&api, &starting).await.expect_problem(409, "runtime_busy");
    finish.rollback().await.unwrap();
    assert_eq!(cancel(&api, &starting).await.expect(200).json()["status"], "removed");
    assert_eq!(api.count(&format!("games WHERE game_id = '{starting}' AND status = 'start_failed'")).await, 1);
    assert_eq!(cancel(&api, &held).await.expect(200).json()["status"], "removed");
    let paused =
        format!("games WHERE game_id = '{held}' AND status = 'paused' AND pause_reason = 'engine_unreachable'");
    assert_eq!(api.count(&paused).await, 1);
    assert_eq!(api.count(&format!("notifications WHERE idempotency_key = 'paused:{held}:3'")).await, 1);
    // Whoever still works it is not heard.
    assert_eq!(api.count("runtime_jobs WHERE status = 'failed' AND token = 5 AND worker_id IS NULL").await, 2);
}

/// The controller's side is proven in the runtime-controller's tests: here it is a test that answers.
#[tokio::test]
async fn every_served_daemon_is_asked_and_one_that_is_silent_is_told_of() {
    let api = Api::start().await;
    let reconcile = async |query: &str| {
        let call = api.admin().post(format!("{RUNTIMES}/reconcile{query}")).send().await;
        call.expect(200).json()
    };
    assert_eq!(reconcile("").await, json!({ "dry_run": false, "daemons": [] }));
    controller(&api, "docker:a").await;
    let game = unknown();
    let answer = async {
        let action = json!({
            "action": "orphan",
            "game_id": game,
            "container_id": "c",
            "detail": "no such game",
            "due_at": "2030-01-01T00:00:00Z",
        });
        let told = json!({ "actions": [action], "finished": true });
        testkit::eventually(Duration::from_secs(90), "the question", || async {
            let sql = "UPDATE runtime_questions SET taken_at = now(), answered_at = now(), answer = $1
                WHERE payload = '{\"dry_run\": true}' AND kind = 'reconcile'";
            sqlx::query(sql).bind(&told).execute(&api.pool()).await.unwrap().rows_affected() == 1
        })
        .await;
    };
    let (told, ()) = tokio::join!(reconcile("?dry_run=true"), answer);
    assert_eq!((&told["dry_run"], &told["daemons"][0]["daemon_id"]), (&json!(true), &json!("docker:a")));
    let action = &told["daemons"][0]["actions"][0];
    assert_eq!((&action["action"], &action["game_id"]), (&json!("orphan"), &json!(game)));
    let silent = reconcile("").await;
    let error = silent["daemons"][0]["error"].as_str().unwrap();
    assert!(error.contains("No controller of docker:a answered"), "{error}");
}
