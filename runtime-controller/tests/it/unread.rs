//! Games whose rows have a word that this controller does not know, as a later build writes it: what is given up of them is written down
//! and told all the same.

use serde_json::json;
use shared::domain::runtime::JobKind;
use shared::ids::GameId;
use testkit::eventually;

use crate::reconcile::{operation, set};
use crate::world::{SOON, World};

/// A game is `later` in this column from now on.
async fn later(world: &World, game_id: GameId, free: &'static str, write: &'static str) {
    sqlx::raw_sql(free).execute(&world.pool()).await.unwrap();
    set(world, game_id, write).await;
}

const FREE_VISIBILITY: &str =
    "ALTER TABLE games DROP CONSTRAINT games_visibility_check, DROP CONSTRAINT games_private_owner_check";
const VISIBILITY: &str = "UPDATE games SET visibility = 'later' WHERE game_id = $1";

#[tokio::test]
async fn a_turn_that_dies_of_a_row_that_cannot_be_read_pauses_its_game_and_no_other() {
    let world = World::with_processes().await;
    let (game_id, neighbour) =
        (world.game("@every 1s", &["Ants", "Bees"]).await, world.game("@every 1s", &["Ants", "Bees"]).await);
    let mut controller = world.controller(&[("GALAXY_TURN_LIMIT", "1000")]);
    world.reaches_turn(game_id, 1).await;
    later(&world, game_id, FREE_VISIBILITY, VISIBILITY).await;
    world.reaches(game_id, "paused").await;
    let turn = world.turn(game_id).await;
    assert_eq!(world.text("SELECT pause_reason FROM games WHERE game_id = $1", game_id).await, "generation_failed");
    assert_eq!(world.told(game_id, "game.paused").await, [format!("paused:{game_id}:{turn}")]);
    assert_eq!(world.told(game_id, "game.generation.failed").await.len(), 1);
    let why = operation(&world, game_id, "turn", "generation_failed").await;
    assert!(matches!(&why[..], [(1, why)] if why.contains("visibility")), "{why:?}");
    assert_eq!(world.text("SELECT status FROM runtime_turns WHERE game_id = $1", game_id).await, "failed");
    let turn = world.turn(neighbour).await;
    world.reaches_turn(neighbour, turn + 2).await;
    controller.kill9();
}

#[tokio::test]
async fn a_turn_of_a_game_in_an_unknown_status_dies_and_the_administrators_are_told() {
    let world = World::with_processes().await;
    let game_id = world.game("@every 1s", &["Ants", "Bees"]).await;
    let mut controller = world.controller(&[("GALAXY_TURN_LIMIT", "1000")]);
    world.reaches_turn(game_id, 1).await;
    let free = "DO $$ DECLARE name text; BEGIN
        FOR name IN SELECT conname FROM pg_constraint WHERE conrelid = 'games'::regclass AND contype = 'c' LOOP
            EXECUTE format('ALTER TABLE games DROP CONSTRAINT %I', name);
        END LOOP; END $$";
    later(&world, game_id, free, "UPDATE games SET status = 'later' WHERE game_id = $1").await;
    eventually(SOON, "its turn dies", || async {
        let status = world.text("SELECT status FROM runtime_turns WHERE game_id = $1", game_id).await;
        if status == "failed" { Ok(()) } else { Err(status) }
    })
    .await;
    assert_eq!(world.status(game_id).await, "later", "nobody knows what it is");
    assert!(world.told(game_id, "game.paused").await.is_empty());
    assert_eq!(world.told(game_id, "game.generation.failed").await.len(), 1);
    controller.kill9();
}

#[tokio::test]
async fn a_start_that_dies_of_a_row_that_cannot_be_read_has_failed() {
    let world = World::with_processes().await;
    let game_id = world.game_without_job("@every 1h", &["Ants", "Bees"]).await;
    later(&world, game_id, FREE_VISIBILITY, VISIBILITY).await;
    world.enqueue(game_id, JobKind::Start, json!({})).await;
    let mut controller = world.controller(&[]);
    world.reaches(game_id, "start_failed").await;
    assert_eq!(world.told(game_id, "runtime.container_start_failed").await.len(), 1);
    assert_eq!(world.runtime(game_id).await.status.as_str(), "removed");
    controller.kill9();
}
