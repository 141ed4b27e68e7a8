//! Many paused games resumed at once: the morning after an engine host was away (SPEC §5).

use futures::future::join_all;
use serde_json::{Value, json};

use crate::admin::runtimes::running;
use crate::harness::Api;

const RESUME: &str = "/api/v1/admin/games/resume";

/// A game that is paused for this reason, its engine still there.
async fn paused(api: &Api, reason: &str) -> String {
    let id = running(api).await;
    let pause =
        format!("UPDATE games SET status = 'paused', pause_reason = '{reason}', pauses = 1 WHERE game_id = $1::uuid");
    api.sql(&pause, &id).await;
    api.sql("UPDATE runtime_turns SET status = 'idle' WHERE game_id = $1::uuid", &id).await;
    id
}

/// How many matched, and how many went on.
async fn resume(api: &Api, body: Value) -> (i64, i64) {
    let done = api.admin().post(RESUME).json(&body).send().await.expect(200).json();
    (done["matched"].as_i64().unwrap(), done["changed"].as_i64().unwrap())
}

async fn status(api: &Api, id: &str) -> String {
    api.game(id).await["status"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn games_that_their_engines_paused_go_on_and_those_paused_by_hand_only_if_named() {
    let api = Api::start().await;
    let unreachable = paused(&api, "engine_unreachable").await;
    let failed = paused(&api, "generation_failed").await;
    let by_hand = paused(&api, "manual").await;
    let stopped = paused(&api, "stopped").await;
    let gone = paused(&api, "engine_unreachable").await;
    api.sql("UPDATE runtime_records SET endpoint = NULL, status = 'removed' WHERE game_id = $1::uuid", &gone).await;
    let running = running(&api).await;
    let one = json!({ "filter": { "pause_reason": "generation_failed" } });
    assert_eq!(resume(&api, one.clone()).await, (1, 1));
    assert_eq!(resume(&api, one).await, (0, 0));
    assert_eq!((status(&api, &failed).await, status(&api, &unreachable).await), ("running".into(), "paused".into()));
    let game = api.game(&failed).await;
    assert!(game["next_turn_at"].is_string() && game["pause_reason"].is_null(), "as if resumed by itself: {game}");
    let none = json!({ "filter": { "visibility": "private" } });
    assert_eq!(resume(&api, none).await, (0, 0));
    let nobody = json!({ "filter": { "owner_user_id": "00000000-0000-7000-8000-000000000001" } });
    assert_eq!(resume(&api, nobody).await, (0, 0));
    let version = json!({ "filter": { "engine_version": "9.9.9" } });
    assert_eq!(resume(&api, version).await, (0, 0));
    assert_eq!(resume(&api, json!({ "filter": {} })).await, (1, 1));
    for (id, expected) in [
        (&unreachable, "running"),
        (&by_hand, "paused"),
        (&stopped, "paused"),
        (&gone, "paused"),
        (&running, "running"),
    ] {
        assert_eq!(status(&api, id).await, expected, "{id}");
    }
    let by_name = json!({ "filter": { "pause_reason": "manual", "engine_version": "1.0.0", "visibility": "public" } });
    assert_eq!(resume(&api, by_name).await, (1, 1));
    assert_eq!(api.count("notifications WHERE kind = 'game.resumed'").await, 3, "members are told of each");
    assert_eq!(api.count("audit_log WHERE action = 'game.resume'").await, 3);
    for (body, pointer) in [
        (json!({}), "/filter"),
        (json!({ "filter": { "pause_reason": "stopped" } }), "/filter/pause_reason"),
        (json!({ "filter": { "visibility": "secret" } }), "/filter/visibility"),
        (json!({ "filter": {}, "limit": 201 }), "/limit"),
    ] {
        let answer = api.admin().post(RESUME).bad().json(&body).send().await.expect_problem(400, "invalid_request");
        assert_eq!(answer.json()["errors"][0]["pointer"], pointer, "{body}");
    }
}

#[tokio::test]
async fn of_two_administrators_who_resume_the_same_each_game_is_one_s() {
    let api = Api::start().await;
    let other = api.replica().await;
    let mut ids = Vec::new();
    for _ in 0..6 {
        ids.push(paused(&api, "engine_unreachable").await);
    }
    let oldest = resume(&api, json!({ "filter": {}, "limit": 1 })).await;
    assert_eq!(oldest, (6, 1));
    assert_eq!(status(&api, &ids[0]).await, "running");
    let body = json!({ "filter": {} });
    let answers = join_all([&api, &other].map(|replica| replica.admin().post(RESUME).json(&body).send())).await;
    let changed: i64 = answers.into_iter().map(|a| a.expect(200).json()["changed"].as_i64().unwrap()).sum();
    assert_eq!(changed, 5);
    assert_eq!(api.count("games WHERE status = 'running'").await, 6);
    assert_eq!(api.count("notifications WHERE kind = 'game.resumed'").await, 6);
}
