//! Engines: `/api/v1/admin/runtimes`. Here is what administrators do to them, as jobs; the jobs' own work is proven
//! in the runtime-controller's tests.

mod amends;
mod log;

use futures::future::join_all;
use serde_json::{Value, json};
use testkit::openapi::ContractResponse;

use crate::harness::{Api, VERSION, text};

const OPERATIONS: [&str; 3] = ["restart", "patch", "force-next-turn"];

/// A running game of one with its engine, as the controller leaves it.
pub async fn running(api: &Api) -> String {
    let id = api.open_public_game(json!({ "min_players": 1 })).await;
    let (_, player) = api.player(&format!("player-{}", &id[24..])).await;
    api.join(&id, &player, &format!("Race {}", &id[24..])).await;
    api.sql("UPDATE games SET status = 'running', current_turn = 3, started_at = now() WHERE game_id = $1::uuid", &id)
        .await;
    api.sql(
        "INSERT INTO runtime_records (game_id, status, driver, daemon_id, engine_version, image, engine_token,
             endpoint, container_id, current_turn)
         VALUES ($1::uuid, 'running', 'process', 'd', '1.0.0', 'i', 't', 'http://127.0.0.1:1/' || $1, 'c', 3)",
        &id,
    )
    .await;
    api.sql(
        "INSERT INTO runtime_turns (game_id, daemon_id, status, scheduled_at) VALUES ($1::uuid, 'd', 'pending', now())",
        &id,
    )
    .await;
    id
}

/// The active job ends well, and leaves its traces: what the controller does.
pub async fn job_done(api: &Api, id: &str) {
    api.sql("UPDATE runtime_jobs SET status = 'succeeded', finished_at = now() WHERE game_id = $1::uuid", id).await;
}

pub async fn stopped(api: &Api, id: &str) {
    job_done(api, id).await;
    api.sql(
        "UPDATE runtime_records SET status = 'stopped', endpoint = NULL, container_id = NULL WHERE game_id = $1::uuid",
        id,
    )
    .await;
    api.sql("UPDATE runtime_turns SET status = 'idle' WHERE game_id = $1::uuid", id).await;
}

pub async fn game(api: &Api, id: &str, action: &str) -> ContractResponse {
    api.admin().post(format!("/api/v1/admin/games/{id}/{action}")).send().await
}

async fn runtime(api: &Api, id: &str, action: &str) -> ContractResponse {
    let path = format!("/api/v1/admin/runtimes/{id}/{action}");
    let call = api.admin().post(path);
    if action == "patch" { call.json(&json!({ "version": "1.0.1" })).send().await } else { call.send().await }
}

pub async fn version(api: &Api, version: &str) {
    let body = json!({ "version": version, "image": format!("galaxy-engine:{version}") });
    api.admin().post("/api/v1/admin/engine-versions").json(&body).send().await.expect(201);
}

pub async fn trail(api: &Api, id: &str) -> Vec<String> {
    sqlx::query_scalar(
        "SELECT action FROM audit_log WHERE target_id = $1 AND action NOT LIKE 'application.%' ORDER BY audit_id",
    )
    .bind(id)
    .fetch_all(&api.pool())
    .await
    .unwrap()
}

pub fn uuid() -> String {
    shared::ids::GameId::new().to_string()
}

#[tokio::test]
async fn operations_on_an_engine_are_jobs_with_a_trail() {
    let api = Api::start().await;
    let id = running(&api).await;
    version(&api, "1.0.1").await;
    for operation in OPERATIONS {
        let kind = operation.replace('-', "_");
        let answer = runtime(&api, &id, operation).await.expect(200).json();
        assert_eq!((&answer["job"]["kind"], &answer["job"]["status"]), (&json!(kind), &json!("pending")));
        assert_eq!(answer["status"], "running", "until it is the job's turn");
        for other in OPERATIONS {
            runtime(&api, &id, other).await.expect_problem(409, "runtime_busy");
        }
        job_done(&api, &id).await;
    }
    let (request, payload): (Option<String>, Value) =
        sqlx::query_as("SELECT request_id, payload FROM runtime_jobs WHERE kind = 'patch'")
            .fetch_one(&api.pool())
            .await
            .unwrap();
    assert!(request.is_some());
    assert_eq!(payload, json!({ "version": "1.0.1" }));
    let runtimes: Vec<_> = trail(&api, &id).await.into_iter().filter(|action| action.starts_with("runtime.")).collect();
    assert_eq!(runtimes, ["runtime.restart", "runtime.patch", "runtime.force-next-turn"]);
}

#[tokio::test]
async fn an_engine_is_needed_for_it() {
    let api = Api::start().await;
    let id = running(&api).await;
    version(&api, "1.0.1").await;
    for operation in OPERATIONS {
        runtime(&api, &uuid(), operation).await.expect_problem(404, "runtime_not_found");
    }
    let draft = api.public_game(json!({})).await;
    runtime(&api, &draft, "restart").await.expect_problem(404, "runtime_not_found");

    api.sql("UPDATE games SET status = 'paused', pause_reason = 'manual' WHERE game_id = $1::uuid", &id).await;
    runtime(&api, &id, "force-next-turn").await.expect_problem(409, "game_state_conflict");
    for operation in ["restart", "patch"] {
        runtime(&api, &id, operation).await.expect(200);
        job_done(&api, &id).await;
    }
    // Stopped, or on the way there.
    api.sql("UPDATE games SET pause_reason = 'stopped' WHERE game_id = $1::uuid", &id).await;
    for operation in OPERATIONS {
        runtime(&api, &id, operation).await.expect_problem(409, "game_state_conflict");
    }
    api.sql("UPDATE games SET pause_reason = 'engine_unreachable' WHERE game_id = $1::uuid", &id).await;
    api.sql("UPDATE runtime_records SET status = 'removed' WHERE game_id = $1::uuid", &id).await;
    runtime(&api, &id, "restart").await.expect_problem(409, "game_state_conflict");
    api.sql("UPDATE games SET status = 'finished', pause_reason = NULL WHERE game_id = $1::uuid", &id).await;
    for operation in OPERATIONS {
        runtime(&api, &id, operation).await.expect_problem(409, "game_state_conflict");
    }
}

#[tokio::test]
async fn only_a_higher_enabled_patch_takes_an_engines_place() {
    let api = Api::start().await;
    let id = running(&api).await;
    for label in ["1.0.1", "1.0.2", "1.1.1", "2.0.1"] {
        version(&api, label).await;
    }
    api.admin().post("/api/v1/admin/engine-versions/1.0.2/disable").send().await.expect(200);
    let path = format!("/api/v1/admin/runtimes/{id}/patch");
    let patch = async |label: &str| api.admin().post(&path).json(&json!({ "version": label })).send().await;
    for (label, code) in [
        (VERSION, "engine_version_incompatible"),
        ("1.1.1", "engine_version_incompatible"),
        ("2.0.1", "engine_version_incompatible"),
        ("0.9.9", "engine_version_incompatible"),
        ("1.0.2", "engine_version_disabled"),
        ("1.0.9", "engine_version_disabled"),
    ] {
        patch(label).await.expect_problem(409, code);
    }
    patch("latest").await.expect_problem(400, "invalid_request");
    for bad in [json!({}), json!({ "version": 1 }), json!({ "version": "1.0.1", "more": true })] {
        api.admin().post(&path).bad().json(&bad).send().await.expect_problem(400, "invalid_request");
    }
    assert_eq!(api.count("runtime_jobs").await, 0);
    patch("1.0.1").await.expect(200);
}

#[tokio::test]
async fn one_of_many_operations_at_once_goes_through() {
    let api = Api::start().await;
    let other = api.replica().await;
    let id = running(&api).await;
    version(&api, "1.0.1").await;
    let call = async |n: usize| {
        let replica = if n.is_multiple_of(2) { &api } else { &other };
        match n % 4 {
            0 => runtime(replica, &id, "restart").await,
            1 => runtime(replica, &id, "patch").await,
            2 => runtime(replica, &id, "force-next-turn").await,
            _ => game(replica, &id, "force-stop").await,
        }
    };
    let answers = join_all((0..16).map(call)).await;
    assert_eq!(answers.iter().filter(|answer| answer.status == 200).count(), 1);
    assert_eq!(api.count("runtime_jobs").await, 1);
    let refused = ["runtime_busy", "game_state_conflict"];
    for answer in answers.iter().filter(|answer| answer.status != 200) {
        assert!(refused.contains(&answer.json()["code"].as_str().unwrap()), "{:?}", answer.json());
    }
    assert_eq!(api.count("audit_log WHERE action LIKE 'runtime.%' OR action = 'game.force-stop'").await, 1);
    let stopped = api.count("runtime_jobs WHERE kind = 'stop'").await == 1;
    let status = text(&api.game(&id).await, "status");
    assert_eq!(status, if stopped { "paused" } else { "running" }, "a refused stop leaves the game as it was");
}

#[tokio::test]
async fn an_engine_that_is_being_replaced_takes_no_orders() {
    let api = Api::start().await;
    let id = running(&api).await;
    let player: String =
        sqlx::query_scalar("SELECT user_id::text FROM memberships").fetch_one(&api.pool()).await.unwrap();
    api.sql("UPDATE runtime_records SET status = 'starting' WHERE game_id = $1::uuid", &id).await;
    let orders = || api.user(&player).post(format!("/api/v1/user/games/{id}/orders"));
    let answer = orders().json(&json!({ "turn": 3, "orders": [] })).send().await;
    assert_eq!(answer.expect_problem(503, "engine_unreachable").header("retry-after"), "2");
    api.sql("UPDATE runtime_records SET endpoint = NULL WHERE game_id = $1::uuid", &id).await;
    let report = api.user(&player).get(format!("/api/v1/user/games/{id}/reports/3")).send().await;
    report.expect_problem(503, "engine_unreachable");
    // Paused meanwhile, it cannot go on before the engine is back.
    game(&api, &id, "pause").await.expect(200);
    game(&api, &id, "resume").await.expect_problem(409, "game_state_conflict");
}

#[tokio::test]
async fn runtimes_are_listed_by_status_page_by_page() {
    let api = Api::start().await;
    let mut made = Vec::new();
    for _ in 0..3 {
        made.push(running(&api).await);
    }
    made.reverse();
    api.sql("UPDATE runtime_records SET status = 'stopped' WHERE game_id = $1::uuid", &made[1]).await;
    for id in &made {
        for _ in 0..4 {
            api.sql(
                "INSERT INTO runtime_operations (operation_id, game_id, op, outcome)
                VALUES (gen_random_uuid(), $1::uuid, 'turn', 'ok')",
                id,
            )
            .await;
        }
    }
    runtime(&api, &made[2], "restart").await.expect(200);
    let list = async |pairs: &[(&str, &str)]| {
        let call = api.admin().get("/api/v1/admin/runtimes").bad();
        pairs.iter().fold(call, |call, (name, value)| call.query(name, *value)).send().await
    };
    let ids = |page: &Value| -> Vec<String> {
        page["items"].as_array().unwrap().iter().map(|item| text(item, "game_id")).collect()
    };
    let first = list(&[("status", "running"), ("limit", "1")]).await.expect(200).json();
    assert_eq!(ids(&first), made[..1]);
    let cursor = text(&first, "next_cursor");
    let second = list(&[("status", "running"), ("limit", "1"), ("cursor", &cursor)]).await.expect(200).json();
    assert_eq!((ids(&second), &second["next_cursor"]), (vec![made[2].clone()], &Value::Null));
    let item = &second["items"][0];
    assert_eq!((&item["job"]["kind"], item["operations"].as_array().unwrap().len()), (&json!("restart"), 3));
    let all = list(&[]).await.expect(200).json();
    assert_eq!(ids(&all), made);
    assert_eq!(all["items"][0]["job"], Value::Null);
    list(&[("status", "odd")]).await.expect_problem(400, "invalid_request");
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
