//! Who leaves a game that has started is banished in its engine, whatever stands in the way (docs/lobby.md).

use std::time::Duration;

use serde_json::json;
use shared::db::games;
use shared::db::{banishments, memberships, runtime};
use shared::domain::lobby::MembershipStatus;
use shared::domain::runtime::JobKind;
use shared::engine_client::{EngineClient, Timeouts};
use shared::ids::{GameId, MembershipId};
use shared::queue::Topic;
use testkit::eventually;

use crate::barrier::Barrier;
use crate::world::{SOON, World};

const LONG: [(&str, &str); 1] = [("GALAXY_TURN_LIMIT", "1000")];

/// What the API does when a member leaves; `tell` says whether it also enqueues what it can.
async fn leaves(world: &World, game_id: GameId, races: &[&str], tell: bool) {
    let mut tx = world.pool().begin().await.unwrap();
    games::lock(&mut tx, game_id).await.unwrap();
    let ids: Vec<MembershipId> = sqlx::query_scalar(
        "SELECT membership_id FROM memberships WHERE game_id = $1 AND race_name = ANY ($2) AND status = 'active'",
    )
    .bind(game_id.uuid())
    .bind(races.iter().map(|race| (*race).to_owned()).collect::<Vec<_>>())
    .fetch_all(&mut *tx)
    .await
    .unwrap();
    assert_eq!(memberships::end(&mut tx, &ids, MembershipStatus::Left).await.unwrap().len(), races.len());
    if tell {
        banishments::enqueue_due(&mut tx, &[game_id], None, None).await.unwrap();
    }
    tx.commit().await.unwrap();
    world.wake(Topic::RuntimeJobs).await;
}

/// The races that the engine itself says are out.
async fn extinct(world: &World, game_id: GameId) -> Vec<String> {
    let target =
        runtime::target(&mut world.pool().acquire().await.unwrap(), game_id).await.unwrap().expect("an engine");
    let client = EngineClient::new(Timeouts { call: Duration::from_secs(5), probe: Duration::from_secs(5) }).unwrap();
    let status = client.status(&target).await.unwrap();
    status.races.into_iter().filter(|race| race.extinct).map(|race| race.race_name).collect()
}

/// These races, and no others, are banished in the engine; nothing is owed; each took one job that ended well.
async fn banished(world: &World, game_id: GameId, races: &[&str]) {
    eventually(SOON, format!("{races:?} are banished"), || async {
        let owed = world
            .number("SELECT count(*) FROM memberships WHERE game_id = $1 AND banish_due_at IS NOT NULL", game_id)
            .await;
        let job = world
            .text(
                "SELECT (SELECT concat_ws(' ', kind, status, step, last_error) FROM runtime_jobs
                WHERE game_id = $1 ORDER BY job_id DESC LIMIT 1)",
                game_id,
            )
            .await;
        if owed == 0 { Ok(()) } else { Err((owed, job)) }
    })
    .await;
    assert_eq!(extinct(world, game_id).await, races);
    let marked =
        world.number("SELECT count(*) FROM memberships WHERE game_id = $1 AND banished_at IS NOT NULL", game_id).await;
    let done = world
        .number(
            "SELECT count(*) FROM runtime_jobs WHERE game_id = $1 AND kind = 'banish' AND status = 'succeeded'",
            game_id,
        )
        .await;
    assert_eq!((marked, done), (races.len() as i64, races.len() as i64));
    assert_eq!(
        world.number("SELECT count(*) FROM runtime_jobs WHERE game_id = $1 AND status = 'failed'", game_id).await,
        0
    );
}

/// Two leave at a moment of the start, and the attempt breaks off there.
async fn start_with_leavers(moment: &str, condition: &str) {
    let world = World::with_processes().await;
    let mut barrier = Barrier::on_jobs(&world.db, condition).await;
    let game_id = world.game("@every 1h", &["Ants", "Bees", "Cats", "Dogs"]).await;
    let mut controller = world.controller(&[]);
    barrier.reached().await;
    leaves(&world, game_id, &["Bees"], true).await;
    leaves(&world, game_id, &["Dogs"], true).await;
    let jobs = world.number("SELECT count(*) FROM runtime_jobs WHERE game_id = $1", game_id).await;
    assert_eq!(jobs, 1, "left {moment}: the start is at work");
    barrier.lift("runtime_jobs").await;
    world.reaches(game_id, "running").await;
    banished(&world, game_id, &["Bees", "Dogs"]).await;
    controller.kill9();
}

#[tokio::test]
async fn all_who_leave_while_the_game_starts_are_given_to_the_engine_and_banished_after_it() {
    tokio::join!(
        start_with_leavers("before anything", "new.step = 'prepare'"),
        start_with_leavers("before init", "new.kind = 'start' AND new.step = 'init'"),
        start_with_leavers("after init", "new.kind = 'start' AND new.status = 'succeeded'"),
    );
}

#[tokio::test]
async fn many_who_leave_at_once_are_banished_one_after_the_other_by_any_controller() {
    let world = World::with_processes().await;
    let game_id = world.game("@every 1h", &["Ants", "Bees", "Cats", "Dogs"]).await;
    let mut controllers = [(); 2].map(|()| world.controller(&[]));
    world.reaches(game_id, "running").await;
    let each = ["Bees", "Cats", "Dogs"].map(|race| {
        let world = &world;
        async move { leaves(world, game_id, &[race], true).await }
    });
    futures::future::join_all(each).await;
    banished(&world, game_id, &["Bees", "Cats", "Dogs"]).await;
    for controller in &mut controllers {
        controller.kill9();
    }
}

#[tokio::test]
async fn a_controller_killed_after_the_engine_was_told_leaves_the_rest_to_another() {
    let world = World::with_processes().await;
    let game_id = world.game("@every 1h", &["Ants", "Bees", "Cats"]).await;
    let mut first = world.controller(&[]);
    world.reaches(game_id, "running").await;
    let mut barrier = Barrier::on_jobs(&world.db, "new.kind = 'banish' AND new.status = 'succeeded'").await;
    leaves(&world, game_id, &["Bees"], true).await;
    barrier.reached().await;
    assert_eq!(extinct(&world, game_id).await, ["Bees"]);
    // While that job stands at its very end, another member goes.
    leaves(&world, game_id, &["Cats"], true).await;
    first.kill9();
    barrier.lift("runtime_jobs").await;
    let mut second = world.controller(&[]);
    banished(&world, game_id, &["Bees", "Cats"]).await;
    second.kill9();
}

#[tokio::test]
async fn another_job_a_pause_and_a_stopped_container_only_delay_it() {
    let world = World::with_processes().await;
    let game_id = world.game("@every 1h", &["Ants", "Bees", "Cats", "Dogs"]).await;
    let mut controller = world.controller(&LONG);
    world.reaches(game_id, "running").await;
    // Behind another job.
    let mut barrier = Barrier::on_jobs(&world.db, "new.kind = 'force_next_turn' AND new.step = 'timer'").await;
    world.enqueue(game_id, JobKind::ForceNextTurn, json!({})).await;
    barrier.reached().await;
    leaves(&world, game_id, &["Bees"], true).await;
    barrier.lift("runtime_jobs").await;
    banished(&world, game_id, &["Bees"]).await;
    world.reaches_turn(game_id, 1).await;

    // Stopped: the engine can be told nothing until it is made anew, and then it is.
    world.end_game(game_id, "paused").await;
    eventually(SOON, "stopped", || async { world.runtime(game_id).await.status.as_str() == "stopped" }).await;
    leaves(&world, game_id, &["Cats"], true).await;
    let waiting = "SELECT count(*) FROM runtime_jobs WHERE game_id = $1 AND kind = 'banish' AND status <> 'succeeded'";
    assert_eq!(world.number(waiting, game_id).await, 0);
    sqlx::query("UPDATE games SET status = 'starting' WHERE game_id = $1")
        .bind(game_id.uuid())
        .execute(&world.pool())
        .await
        .unwrap();
    world.enqueue(game_id, JobKind::Start, json!({})).await;
    banished(&world, game_id, &["Bees", "Cats"]).await;

    // Paused with its engine dead: the job ends without effect and without a dead letter, and what is owed waits.
    sqlx::query("UPDATE games SET status = 'paused' WHERE game_id = $1")
        .bind(game_id.uuid())
        .execute(&world.pool())
        .await
        .unwrap();
    world.kill_engine(game_id);
    leaves(&world, game_id, &["Dogs"], true).await;
    let later = "SELECT count(*) FROM memberships WHERE game_id = $1 AND banish_due_at > now() + interval '4 minutes'";
    eventually(SOON, "put off", || async { world.number(later, game_id).await == 1 }).await;
    assert_eq!(
        world.number("SELECT count(*) FROM runtime_jobs WHERE game_id = $1 AND status = 'failed'", game_id).await,
        0
    );
    // It goes on: the job brings the engine back on its state.
    let mut tx = world.pool().begin().await.unwrap();
    sqlx::query("UPDATE games SET status = 'running' WHERE game_id = $1")
        .bind(game_id.uuid())
        .execute(&mut *tx)
        .await
        .unwrap();
    banishments::bring_forward(&mut tx, game_id).await.unwrap();
    assert_eq!(banishments::enqueue_due(&mut tx, &[game_id], None, None).await.unwrap(), 1);
    tx.commit().await.unwrap();
    world.wake(Topic::RuntimeJobs).await;
    eventually(SOON, "banished", || async {
        world.number("SELECT count(*) FROM memberships WHERE game_id = $1 AND banished_at IS NOT NULL", game_id).await
            == 3
    })
    .await;
    assert_eq!(extinct(&world, game_id).await, ["Bees", "Cats", "Dogs"]);
    controller.kill9();
}

#[tokio::test]
async fn the_sweeper_finds_what_is_owed_and_strikes_what_is_moot() {
    let world = World::with_processes().await;
    let sweeping = [("BACKEND_LOBBY_SWEEPER_INTERVAL", "100ms")];
    let game_id = world.game("@every 1h", &["Ants", "Bees", "Cats"]).await;
    let waits = world.game_without_job("@every 1h", &["Elks", "Fish"]).await;
    let over = world.game_without_job("@every 1h", &["Gnus", "Hens"]).await;
    let mut controllers = [(); 2].map(|()| world.controller(&sweeping));
    world.reaches(game_id, "running").await;
    sqlx::query("UPDATE games SET status = 'running' WHERE game_id = $1")
        .bind(over.uuid())
        .execute(&world.pool())
        .await
        .unwrap();
    // Nobody enqueues anything: as if each had died just after its commit.
    leaves(&world, game_id, &["Bees"], false).await;
    leaves(&world, waits, &["Elks"], false).await;
    leaves(&world, over, &["Gnus"], false).await;
    sqlx::query("UPDATE games SET status = 'finished' WHERE game_id = $1")
        .bind(over.uuid())
        .execute(&world.pool())
        .await
        .unwrap();
    sqlx::query("UPDATE memberships SET banish_due_at = now() WHERE banish_due_at IS NOT NULL AND game_id <> $1")
        .bind(game_id.uuid())
        .execute(&world.pool())
        .await
        .unwrap();
    banished(&world, game_id, &["Bees"]).await;
    let owed = "SELECT count(*) FROM memberships WHERE game_id = $1 AND banish_due_at IS NOT NULL";
    eventually(SOON, "struck", || async { world.number(owed, over).await == 0 }).await;
    let later = "SELECT count(*) FROM memberships WHERE game_id = $1 AND banish_due_at > now() + interval '4 minutes'";
    eventually(SOON, "set aside", || async { world.number(later, waits).await == 1 }).await;
    for controller in &mut controllers {
        controller.terminate();
        assert!(controller.wait_exit(SOON).await.unwrap().success());
    }
}

#[tokio::test]
async fn a_game_that_ends_during_a_job_loses_its_container_all_the_same() {
    let world = World::with_processes().await;
    let game_id = world.game("@every 1h", &["Ants", "Bees", "Cats"]).await;
    let mut controller = world.controller(&[]);
    world.reaches(game_id, "running").await;
    let mut barrier = Barrier::on_jobs(&world.db, "new.kind = 'banish' AND new.status = 'succeeded'").await;
    leaves(&world, game_id, &["Bees"], true).await;
    barrier.reached().await;
    // The stop cannot be enqueued now: one active job a game.
    world.end_game(game_id, "finished").await;
    assert_eq!(
        world.number("SELECT count(*) FROM runtime_jobs WHERE game_id = $1 AND kind = 'stop'", game_id).await,
        0
    );
    barrier.lift("runtime_jobs").await;
    eventually(SOON, "its engine is gone", || async { world.engines(game_id).is_empty() }).await;
    controller.kill9();
}
