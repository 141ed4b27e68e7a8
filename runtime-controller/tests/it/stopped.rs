//! Force-stop and force-start.

use testkit::eventually;

use crate::barrier::Barrier;
use crate::replace::LONG;
use crate::turns::each_turn_once;
use crate::world::{SOON, World};

#[tokio::test]
async fn a_stop_lets_the_turn_under_way_end_and_a_start_goes_on_from_it() {
    let world = World::with_processes().await;
    let game_id = world.game("@every 1s", &["Ants", "Bees"]).await;
    // The engine has generated the turn; the controller is about to write it down.
    let mut barrier =
        Barrier::on(&world.db, "runtime_turns", "new.status = 'pending' AND old.status = 'generating'").await;
    let mut controller = world.controller(&LONG);
    barrier.reached().await;
    world.end_game(game_id, "paused").await;
    eventually(SOON, "the stop waits", || async { world.last_error(game_id).await == "a turn is being generated" })
        .await;
    assert_eq!(world.engines(game_id).len(), 1);
    barrier.lift("runtime_turns").await;
    world.job_ends(game_id, "stop", "succeeded").await;
    assert!(world.engines(game_id).is_empty());
    let runtime = world.runtime(game_id).await;
    assert_eq!((runtime.status.as_str(), runtime.endpoint, runtime.next_turn_at), ("stopped", None, None));
    assert_eq!(world.turn(game_id).await, 1, "the turn that was under way counts");

    world.force_start(game_id).await;
    world.reaches_turn(game_id, 3).await;
    assert_eq!(world.told(game_id, "game.resumed").await.len(), 1);
    controller.kill9();
    each_turn_once(&world, game_id).await;
}

#[tokio::test]
async fn a_turn_that_was_generated_but_not_written_down_is_told_of_after_a_force_start() {
    let world = World::with_processes().await;
    let game_id = world.game("@every 1h", &["Ants", "Bees"]).await;
    let mut controller = world.controller(&LONG);
    world.reaches(game_id, "running").await;
    // As after a pause for an engine that answered too late: it is one turn ahead of us.
    let target = shared::db::runtime::target(&mut world.pool().acquire().await.unwrap(), game_id).await.unwrap();
    let limit = SOON;
    let timeouts = shared::engine_client::Timeouts { call: limit, probe: limit };
    let client = shared::engine_client::EngineClient::new(timeouts).unwrap();
    assert_eq!(client.turn(&target.unwrap(), 0).await.unwrap().turn, 1);
    world.end_game(game_id, "paused").await;
    world.job_ends(game_id, "stop", "succeeded").await;
    assert_eq!(world.turn(game_id).await, 0);

    world.force_start(game_id).await;
    world.reaches_turn(game_id, 1).await;
    assert_eq!(world.told(game_id, "game.turn.ready").await, [format!("turn-ready:{game_id}:1")]);
    assert!(world.runtime(game_id).await.next_turn_at.is_some());
    controller.kill9();
    each_turn_once(&world, game_id).await;
}

#[tokio::test]
async fn another_version_may_take_over_the_kept_state() {
    let mut world = World::with_processes().await;
    world.image = crate::replace::copy(&world, "engine-1");
    let other = crate::replace::copy(&world, "engine-2");
    let game_id = world.game("@every 1s", &["Ants", "Bees"]).await;
    world.version("2.0.0", &other).await;
    let mut controller = world.controller(&LONG);
    world.reaches_turn(game_id, 1).await;
    world.end_game(game_id, "paused").await;
    world.job_ends(game_id, "stop", "succeeded").await;
    sqlx::query("UPDATE games SET target_engine_version = '2.0.0' WHERE game_id = $1")
        .bind(game_id.uuid())
        .execute(&world.pool())
        .await
        .unwrap();
    let turn = world.turn(game_id).await;
    world.force_start(game_id).await;
    world.reaches_turn(game_id, turn + 1).await;
    crate::replace::one_engine(&world, game_id, &other);
    assert_eq!(world.runtime(game_id).await.engine_version, "2.0.0");
    controller.kill9();
    each_turn_once(&world, game_id).await;
}
