//! What happened to a game, in one line of time.

use serde_json::{Value, json};

use crate::admin::runtimes::running;
use crate::admin::{items, walk};
use crate::harness::{Api, text};

#[tokio::test]
async fn what_happened_to_a_game_and_its_engine_is_one_line_of_time() {
    let api = Api::start().await;
    let admin = api.admin();
    let game = running(&api).await;
    running(&api).await;
    let turn = shared::ids::OperationId::new();
    sqlx::query(
        "INSERT INTO runtime_operations (operation_id, game_id, op, outcome, detail)
         VALUES ($1, $2::uuid, 'turn', 'ok', 'turn 3 by galaxy-engine:1.0.0')",
    )
    .bind(turn.uuid())
    .bind(&game)
    .execute(&api.pool())
    .await
    .unwrap();
    let note = json!({ "text": "Looked at it." });
    admin.post(format!("/api/v1/admin/games/{game}/notes")).json(&note).send().await.expect(201);
    let end = json!({ "reason": "nobody moves" });
    admin.post(format!("/api/v1/admin/games/{game}/end")).json(&end).send().await.expect(200);

    let path = format!("/api/v1/admin/games/{game}/timeline");
    let seen = items(&admin, &path).await;
    let has = |source: &str, what: &str| seen.iter().any(|entry| entry["source"] == source && entry["what"] == what);
    for (source, what) in [
        ("trail", "game.create"),
        ("trail", "game.open-enrollment"),
        ("trail", "game.note.write"),
        ("trail", "game.end"),
        ("operation", "turn"),
        ("notification", "game.finished"),
        ("job", "stop"),
        ("note", "note"),
    ] {
        assert!(has(source, what), "{source} {what}: {seen:?}");
    }
    let of = |source: &str| seen.iter().find(|entry| entry["source"] == source).unwrap();
    // What the engine was asked to do when the game ended may be there by now, too.
    let made = seen.iter().find(|entry| entry["entry_id"] == turn.to_string()).unwrap();
    assert_eq!((&made["source"], &made["outcome"]), (&json!("operation"), &json!("ok")));
    assert_eq!(made["detail"], "turn 3 by galaxy-engine:1.0.0");
    assert!(of("membership")["user_id"].is_string() && of("application")["user_id"].is_string());
    let ended = seen.iter().find(|entry| entry["what"] == "game.end").unwrap();
    assert_eq!((&ended["actor"], &ended["detail"]), (&json!("root"), &json!("nobody moves")));

    let ids: Vec<String> = seen.iter().map(|entry| text(entry, "entry_id")).collect();
    assert!(ids.is_sorted_by(|a, b| a > b), "newest first, and nothing of the other game: {ids:?}");
    let paged: Vec<Value> = walk(&admin, &path, "entry_id").await;
    assert_eq!(paged, ids);
    let nobody = "/api/v1/admin/games/00000000-0000-7000-8000-000000000001/timeline";
    admin.get(nobody).send().await.expect_problem(404, "game_not_found");
}
