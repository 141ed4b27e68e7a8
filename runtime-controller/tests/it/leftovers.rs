//! No container outlives what it was for, however a job ends.

use serde_json::json;
use shared::domain::runtime::JobKind;
use shared::ids::GameId;
use testkit::eventually;

use crate::barrier::Barrier;
use crate::replace::LONG;
use crate::world::{SOON, World};

/// The next death of a controller that works the newest job is the third that it had alone.
async fn nearly_quarantined(world: &World, game_id: GameId) {
    sqlx::query("UPDATE runtime_jobs SET suspect = true, crashes = 2 WHERE game_id = $1 AND status = 'pending'")
        .bind(game_id.uuid())
        .execute(&world.pool())
        .await
        .unwrap();
}

#[tokio::test]
async fn a_start_in_quarantine_leaves_no_container() {
    let world = World::with_processes().await;
    let mut barrier = Barrier::on_jobs(&world.db, "new.kind = 'start' AND new.step = 'init'").await;
    let game_id = world.game("@every 1h", &["Ants", "Bees"]).await;
    nearly_quarantined(&world, game_id).await;
    let mut first = world.controller(&[]);
    barrier.reached().await;
    assert_eq!(world.engines(game_id).len(), 1);
    first.kill9();
    barrier.lift("runtime_jobs").await;
    let mut second = world.controller(&[]);
    world.reaches(game_id, "start_failed").await;
    world.job_ends(game_id, "stop", "succeeded").await;
    assert!(world.engines(game_id).is_empty());
    let runtime = world.runtime(game_id).await;
    assert_eq!((runtime.status.as_str(), runtime.container_id), ("removed", None));
    assert_eq!(world.told(game_id, "runtime.container_start_failed").await.len(), 1);
    let quarantined = "SELECT count(*) FROM runtime_jobs WHERE game_id = $1 AND status = 'quarantined'";
    assert_eq!(world.number(quarantined, game_id).await, 1);
    second.kill9();
}

#[tokio::test]
async fn a_replacement_in_quarantine_pauses_the_game_and_leaves_no_container() {
    let world = World::with_processes().await;
    let game_id = world.game("@every 1h", &["Ants", "Bees"]).await;
    let mut first = world.controller(&[]);
    world.reaches(game_id, "running").await;
    first.kill9();
    let mut barrier = Barrier::on_jobs(&world.db, "new.kind = 'restart' AND new.step = 'verify'").await;
    world.enqueue(game_id, JobKind::Restart, json!({})).await;
    nearly_quarantined(&world, game_id).await;
    let mut second = world.controller(&[]);
    barrier.reached().await;
    assert_eq!(world.engines(game_id).len(), 1);
    second.kill9();
    barrier.lift("runtime_jobs").await;
    let mut third = world.controller(&[]);
    world.reaches(game_id, "paused").await;
    world.job_ends(game_id, "stop", "succeeded").await;
    assert!(world.engines(game_id).is_empty());
    let runtime = world.runtime(game_id).await;
    assert_eq!((runtime.status.as_str(), runtime.endpoint, runtime.next_turn_at), ("removed", None, None));
    assert_eq!(world.told(game_id, "game.paused").await, [format!("paused:{game_id}:0")]);
    assert_eq!(world.told(game_id, "runtime.container_start_failed").await.len(), 1);
    third.kill9();
}

#[tokio::test]
async fn a_job_that_is_active_when_its_game_ends_sees_to_the_container() {
    let world = World::with_processes().await;
    let game_id = world.game("@every 1h", &["Ants", "Bees"]).await;
    let mut controller = world.controller(&[("GALAXY_TURN_LIMIT", "1")]);
    world.reaches(game_id, "running").await;
    let mut barrier = Barrier::on_jobs(&world.db, "new.kind = 'force_next_turn' AND new.status = 'succeeded'").await;
    world.enqueue(game_id, JobKind::ForceNextTurn, json!({})).await;
    barrier.reached().await;
    world.reaches(game_id, "finished").await;
    let stops = "SELECT count(*) FROM runtime_jobs WHERE game_id = $1 AND kind = 'stop'";
    assert_eq!(world.number(stops, game_id).await, 0, "there is one active job at most");
    barrier.lift("runtime_jobs").await;
    world.job_ends(game_id, "stop", "succeeded").await;
    assert!(world.engines(game_id).is_empty());
    controller.kill9();
}

#[tokio::test]
async fn a_restart_that_comes_too_late_lets_the_container_go() {
    let world = World::with_processes().await;
    let game_id = world.game("@every 1h", &["Ants", "Bees"]).await;
    let mut controller = world.controller(&LONG);
    world.reaches(game_id, "running").await;
    let mut barrier = Barrier::on_jobs(&world.db, "new.kind = 'restart' AND new.step = 'pull'").await;
    world.enqueue(game_id, JobKind::Restart, json!({})).await;
    barrier.reached().await;
    world.end_game(game_id, "finished").await;
    barrier.lift("runtime_jobs").await;
    world.job_ends(game_id, "restart", "succeeded").await;
    eventually(SOON, "its engine is gone", || async { world.engines(game_id).is_empty() }).await;
    assert_eq!(world.runtime(game_id).await.container_id, None);
    controller.kill9();
}
