//! `GET /admin/runtimes/{game_id}/log`: what a controller reads, and what is said where none can.

use serde_json::{Value, json};
use shared::ids::{GameId, WorkerId};
use testkit::eventually;
use testkit::openapi::ContractResponse;

use super::running;
use crate::harness::Api;

async fn log(api: &Api, id: &str, query: &str) -> ContractResponse {
    api.admin().get(format!("/api/v1/admin/runtimes/{id}/log{query}")).send().await
}

/// Answers the question that comes next, as a controller would; gives back what was asked.
async fn answered(api: &Api, answer: Option<Value>, error: Option<&str>) -> Value {
    let sql = "UPDATE runtime_questions SET taken_at = now(), answered_at = now(), answer = $1, error = $2
                WHERE kind = 'log' AND answered_at IS NULL RETURNING payload";
    eventually(std::time::Duration::from_secs(90), "the question", || async {
        let pool = api.pool();
        let asked = sqlx::query_scalar(sql).bind(&answer).bind(error).fetch_optional(&pool);
        asked.await.unwrap().ok_or("not asked yet")
    })
    .await
}

#[tokio::test]
async fn the_log_is_what_the_controller_of_the_daemon_reads() {
    let api = Api::start().await;
    let id = running(&api).await;
    log(&api, &GameId::new().to_string(), "").await.expect_problem(404, "runtime_not_found");
    log(&api, &id, "").await.expect_problem(503, "unavailable");
    sqlx::query("INSERT INTO workers (worker_id, process, instance, expires_at, daemon_id)
        SELECT $1, 'runtime-controller', 'i', now() + interval '1 hour', daemon_id FROM runtime_records WHERE game_id = $2::uuid")
        .bind(WorkerId::new().uuid())
        .bind(&id)
        .execute(&api.pool())
        .await
        .unwrap();
    for (query, tail) in [("", 100), ("?tail=1", 1), ("?tail=1000", 1_000)] {
        let lines = json!(["one", "two"]);
        let (told, asked) = tokio::join!(log(&api, &id, query), answered(&api, Some(json!({ "lines": lines })), None));
        assert_eq!(told.expect(200).json(), json!({ "game_id": id, "lines": lines }));
        assert_eq!(asked, json!({ "tail": tail }));
    }
    let (gone, _) = tokio::join!(log(&api, &id, ""), answered(&api, Some(json!({ "lines": null })), None));
    gone.expect_problem(409, "game_state_conflict");
    let (away, _) = tokio::join!(log(&api, &id, ""), answered(&api, None, Some("the daemon does not answer")));
    away.expect_problem(503, "unavailable");
    for bad in ["?tail=0", "?tail=1001", "?tail=all", "?lines=5"] {
        api.admin()
            .get(format!("/api/v1/admin/runtimes/{id}/log{bad}"))
            .bad()
            .send()
            .await
            .expect_problem(400, "invalid_request");
    }
}
