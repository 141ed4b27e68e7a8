//! Games that rest and go on: what becomes of their next turn.

use serde_json::json;

use super::end::count;
use crate::admin::runtimes::running;
use crate::harness::Api;

#[tokio::test]
async fn a_pause_keeps_what_was_left_and_a_schedule_without_a_next_time_is_refused() {
    let api = Api::start().await;
    let id = running(&api).await;
    let post = async |action: &str| api.admin().post(format!("/api/v1/admin/games/{id}/{action}")).send().await;
    api.sql("UPDATE games SET turn_schedule = '@every 1h' WHERE game_id = $1::uuid", &id).await;
    api.sql("UPDATE runtime_turns SET scheduled_at = now() + interval '2 minutes' WHERE game_id = $1::uuid", &id).await;
    post("pause").await.expect(200);
    // Rested for a day.
    api.sql(
        "UPDATE runtime_turns SET scheduled_at = scheduled_at - interval '1 day',
        rested_at = rested_at - interval '1 day' WHERE game_id = $1::uuid",
        &id,
    )
    .await;
    post("resume").await.expect(200);
    let left = "runtime_turns WHERE game_id = {id} AND status = 'pending' AND next_attempt_at = scheduled_at
                AND scheduled_at - now() BETWEEN interval '60 seconds' AND interval '120 seconds'";
    assert_eq!(count(&api, &id, left).await, 1, "two minutes are left, not an hour");

    post("pause").await.expect(200);
    api.sql("UPDATE games SET turn_schedule = '0 0 31 2 *' WHERE game_id = $1::uuid", &id).await;
    post("resume").await.expect_problem(409, "game_state_conflict");
    let path = format!("/api/v1/admin/games/{id}");
    let never = json!({ "turn_schedule": "0 0 30 2 *" });
    api.admin().patch(&path).json(&never).send().await.expect_problem(400, "invalid_request");
    api.admin().patch(&path).json(&json!({ "turn_schedule": "0 20 * * *" })).send().await.expect(200);
    post("resume").await.expect(200);
}
