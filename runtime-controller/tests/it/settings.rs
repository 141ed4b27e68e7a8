//! A game's settings reach its engine with `init`, and belong to its beginning (SPEC §5, §9).

use serde_json::{Value, json};
use shared::domain::runtime::JobKind;
use shared::ids::GameId;
use testkit::process::bin_path;

use crate::world::World;

async fn set(world: &World, game_id: GameId, settings: Value) {
    let sql = "UPDATE games SET settings = $2::text::json WHERE game_id = $1";
    let done = sqlx::query(sql).bind(game_id.uuid()).bind(settings.to_string()).execute(&world.pool()).await.unwrap();
    assert_eq!(done.rows_affected(), 1);
}

/// As retry-start does.
async fn start_again(world: &World, game_id: GameId) {
    let sql = "UPDATE games SET status = 'starting' WHERE game_id = $1";
    sqlx::query(sql).bind(game_id.uuid()).execute(&world.pool()).await.unwrap();
    world.enqueue(game_id, JobKind::Start, json!({})).await;
}

#[tokio::test]
async fn two_games_of_one_engine_are_played_by_their_own_settings() {
    let world = World::with_processes().await;
    let mut games = Vec::new();
    for turn_limit in [2, 4] {
        let game_id = world.game_without_job("@every 1s", &["Ants", "Bees"]).await;
        set(&world, game_id, json!({ "turn_limit": turn_limit })).await;
        world.enqueue(game_id, JobKind::Start, json!({})).await;
        games.push((game_id, turn_limit));
    }
    // The environment says 6.
    let mut controller = world.controller(&[("GALAXY_TURN_LIMIT", "6")]);
    for (game_id, turn_limit) in games {
        world.reaches(game_id, "finished").await;
        assert_eq!(world.turn(game_id).await, turn_limit);
    }
    controller.kill9();
}

#[tokio::test]
async fn settings_that_the_engine_refuses_fail_the_start_and_better_ones_mend_it() {
    let world = World::with_processes().await;
    let game_id = world.game_without_job("@every 1h", &["Ants", "Bees"]).await;
    set(&world, game_id, json!({ "turn_limits": 4 })).await;
    world.enqueue(game_id, JobKind::Start, json!({})).await;
    let mut controller = world.controller(&[]);
    world.reaches(game_id, "start_failed").await;
    assert_eq!(world.told(game_id, "runtime.start_config_invalid").await.len(), 1);
    set(&world, game_id, json!({ "turn_limit": 4 })).await;
    start_again(&world, game_id).await;
    world.reaches(game_id, "running").await;
    controller.kill9();
}

/// A start may fail after the engine took its `init`. What was changed since then must not be lost in silence.
#[tokio::test]
async fn a_game_that_was_begun_by_a_failed_start_is_not_played_under_other_settings() {
    let mut world = World::with_processes().await;
    let script = world.root.path().join("engine");
    std::fs::copy(bin_path("galaxy-engine"), &script).unwrap();
    world.image = script.to_str().unwrap().to_owned();
    let game_id = world.game_without_job("@every 1h", &["Ants", "Bees"]).await;
    set(&world, game_id, json!({ "turn_limit": 4 })).await;
    world.enqueue(game_id, JobKind::Start, json!({})).await;
    let mut controller = world.controller(&[]);
    world.reaches(game_id, "running").await;
    controller.kill9();
    // As if that start had failed right after `init`: the game never ran, its state directory has it.
    world.kill_engine(game_id);
    for sql in [
        "UPDATE games SET status = 'start_failed', started_at = NULL WHERE game_id = $1",
        "UPDATE runtime_records SET status = 'removed', endpoint = NULL, container_id = NULL WHERE game_id = $1",
        "DELETE FROM runtime_turns WHERE game_id = $1",
    ] {
        sqlx::query(sql).bind(game_id.uuid()).execute(&world.pool()).await.unwrap();
    }
    set(&world, game_id, json!({ "turn_limit": 5 })).await;
    start_again(&world, game_id).await;
    let mut controller = world.controller(&[]);
    world.reaches(game_id, "start_failed").await;
    assert!(world.last_error(game_id).await.contains("other races or settings"));
    // Put back, they are what the game was begun with: it goes on.
    set(&world, game_id, json!({ "turn_limit": 4 })).await;
    start_again(&world, game_id).await;
    world.reaches(game_id, "running").await;
    controller.kill9();
}
