//! Controllers killed before, between and after the steps of a start: another finishes the job, with one engine, one token,
//! one init, one announcement.

use futures::future::join_all;
use shared::ids::GameId;

use crate::barrier::Barrier;
use crate::world::World;

/// A kill at the moment when this would be written: everything before has happened, nothing after.
pub const MOMENTS: [(&str, &str); 8] = [
    ("claim", "new.status = 'running' AND old.status = 'pending'"),
    ("prepare", "new.step = 'prepare'"),
    ("pull", "new.step = 'pull'"),
    ("create", "new.step = 'create'"),
    ("start", "new.step = 'start'"),
    ("health", "new.step = 'health'"),
    ("init", "new.step = 'init'"),
    ("finish", "new.status = 'succeeded'"),
];

/// What must hold for a game that was started once.
pub async fn started_once(world: &World, game_id: GameId) {
    world.reaches(game_id, "running").await;
    assert_eq!(world.told(game_id, "game.started").await, [format!("started:{game_id}")]);
    let runtime = world.runtime(game_id).await;
    assert_eq!((runtime.status.as_str(), runtime.current_turn), ("running", 0));
    assert!(runtime.next_turn_at.is_some());
    assert_eq!(
        world.number("SELECT count(*) FROM runtime_jobs WHERE game_id = $1 AND status = 'succeeded'", game_id).await,
        1
    );
    assert_eq!(
        world
            .number(
                "SELECT count(*) FROM runtime_operations WHERE game_id = $1 AND op = 'start' AND outcome = 'ok'",
                game_id
            )
            .await,
        1
    );
}

#[tokio::test]
async fn a_start_survives_a_kill_at_each_step() {
    // Each moment in a world of its own, all at once: each waits for the lease of a dead controller.
    join_all(MOMENTS.map(async |(moment, condition)| {
        let world = World::with_processes().await;
        let mut barrier = Barrier::on_jobs(&world.db, condition).await;
        let game_id = world.game("@every 1h", &["Ants", "Bees"]).await;
        let mut first = world.controller(&[]);
        barrier.reached().await;
        let before = world.engines(game_id);
        let token = world.text("SELECT max(engine_token) FROM runtime_records WHERE game_id = $1", game_id).await;
        first.kill9();
        barrier.lift("runtime_jobs").await;

        let mut second = world.controller(&[]);
        started_once(&world, game_id).await;
        let after = world.engines(game_id);
        assert_eq!(after.len(), 1, "{moment}: one engine");
        if let [engine] = before[..] {
            assert_eq!(after, [engine], "{moment}: the engine of the first attempt is adopted");
        }
        if !token.is_empty() {
            let now = world.text("SELECT engine_token FROM runtime_records WHERE game_id = $1", game_id).await;
            assert_eq!(now, token, "{moment}: the token stays");
        }
        second.kill9();
    }))
    .await;
}

#[tokio::test]
async fn an_engine_outlives_its_controllers() {
    let world = World::with_processes().await;
    let game_id = world.game("@every 1s", &["Ants", "Bees"]).await;
    let mut first = world.controller(&[("GALAXY_TURN_LIMIT", "1000")]);
    world.reaches_turn(game_id, 1).await;
    let engine = world.engines(game_id);
    first.kill9();
    let mut second = world.controller(&[]);
    let turn = world.turn(game_id).await;
    world.reaches_turn(game_id, turn + 2).await;
    assert_eq!(world.engines(game_id), engine);
    second.kill9();
}

#[tokio::test]
async fn an_engine_that_was_started_but_not_written_down_is_found() {
    let world = World::with_processes().await;
    let game_id = world.game("@every 1s", &["Ants", "Bees"]).await;
    let mut first = world.controller(&[("GALAXY_TURN_LIMIT", "1000")]);
    world.reaches_turn(game_id, 1).await;
    let engine = world.engines(game_id);
    first.kill9();
    std::fs::remove_file(world.state_root().join(".process").join(game_id.to_string()).join("engine.json")).unwrap();
    let mut second = world.controller(&[]);
    let turn = world.turn(game_id).await;
    world.reaches_turn(game_id, turn + 2).await;
    assert_eq!(world.engines(game_id), engine);
    second.kill9();
}
