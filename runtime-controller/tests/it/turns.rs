//! Turns: once each, in order, whatever dies.

use futures::future::join_all;
use serde_json::json;
use shared::domain::runtime::JobKind;
use shared::ids::GameId;

use crate::barrier::Barrier;
use crate::world::World;

/// Every turn so far was announced once, and none was left out.
pub async fn each_turn_once(world: &World, game_id: GameId) {
    let turns = world.turn(game_id).await;
    let mut wanted: Vec<String> = (1..=turns).map(|turn| format!("turn-ready:{game_id}:{turn}")).collect();
    wanted.sort();
    assert_eq!(world.told(game_id, "game.turn.ready").await, wanted);
    let mut numbers: Vec<i64> = sqlx::query_scalar(
        "SELECT game_seq FROM notifications WHERE game_id = $1 AND kind = 'game.turn.ready' ORDER BY (payload ->> 'turn')::int",
    )
    .bind(game_id.uuid())
    .fetch_all(&world.pool())
    .await
    .unwrap();
    let as_told = numbers.clone();
    numbers.sort_unstable();
    assert_eq!(as_told, numbers, "their numbers grow with the turns");
    assert_eq!(
        world
            .number(
                "SELECT count(*) FROM runtime_operations WHERE game_id = $1 AND op = 'turn' AND outcome = 'ok'",
                game_id
            )
            .await,
        turns
    );
}

#[tokio::test]
async fn two_controllers_share_the_turns_while_one_and_then_the_engine_are_killed() {
    let world = World::with_processes().await;
    let long = [("GALAXY_TURN_LIMIT", "1000")];
    let mut first = world.controller(&long);
    let mut second = world.controller(&long);
    let games = [world.game("@every 1s", &["Ants", "Bees"]).await, world.game("@every 1s", &["Cats", "Dogs"]).await];
    for game_id in games {
        world.reaches_turn(game_id, 2).await;
    }
    first.kill9();
    for game_id in games {
        let turn = world.turn(game_id).await;
        world.reaches_turn(game_id, turn + 2).await;
    }
    let mut third = world.controller(&long);
    for game_id in games {
        world.kill_engine(game_id);
    }
    for game_id in games {
        let turn = world.turn(game_id).await;
        world.reaches_turn(game_id, turn + 3).await;
    }
    second.kill9();
    third.kill9();
    for game_id in games {
        assert_eq!(world.engines(game_id).len(), 1);
        assert_eq!(world.status(game_id).await, "running");
        each_turn_once(&world, game_id).await;
    }
}

#[tokio::test]
async fn a_controller_killed_around_the_call_neither_repeats_nor_skips_the_turn() {
    let moments = [
        (
            "before the turn is written down",
            "runtime_turns",
            "new.expected_turn IS NOT NULL AND old.expected_turn IS NULL",
        ),
        ("before it is shown", "runtime_records", "new.status = 'generation_in_progress'"),
        ("after the engine generated it", "runtime_turns", "new.status = 'pending' AND old.status = 'generating'"),
    ];
    join_all(moments.map(async |(moment, table, condition)| {
        let world = World::with_processes().await;
        let game_id = world.game("@every 1s", &["Ants", "Bees"]).await;
        let mut barrier = Barrier::on(&world.db, table, condition).await;
        let mut first = world.controller(&[("GALAXY_TURN_LIMIT", "1000")]);
        barrier.reached().await;
        first.kill9();
        barrier.lift(table).await;
        assert_eq!(world.turn(game_id).await, 0, "{moment}");
        let mut second = world.controller(&[]);
        world.reaches_turn(game_id, 3).await;
        second.kill9();
        each_turn_once(&world, game_id).await;
    }))
    .await;
}

#[tokio::test]
async fn an_engine_killed_between_turns_is_back_before_the_next() {
    let world = World::with_processes().await;
    let game_id = world.game("@every 1h", &["Ants", "Bees"]).await;
    let mut controller = world.controller(&[]);
    world.reaches(game_id, "running").await;
    let old = world.engines(game_id);
    world.kill_engine(game_id);
    testkit::eventually(crate::world::SOON, "another engine", || async {
        let now = world.engines(game_id);
        now.len() == 1 && now != old
    })
    .await;
    testkit::eventually(crate::world::SOON, "it is written down", || async {
        world.number("SELECT count(*) FROM runtime_operations WHERE game_id = $1 AND op = 'revive'", game_id).await == 1
    })
    .await;
    controller.kill9();
}

#[tokio::test]
async fn a_forced_turn_runs_now_and_the_scheduled_one_is_skipped() {
    let world = World::with_processes().await;
    let game_id = world.game("@every 1h", &["Ants", "Bees"]).await;
    let mut controller = world.controller(&[]);
    world.reaches(game_id, "running").await;
    let due = world.runtime(game_id).await.next_turn_at.unwrap();
    world.enqueue(game_id, JobKind::ForceNextTurn, json!({})).await;
    world.reaches_turn(game_id, 1).await;
    let runtime = world.runtime(game_id).await;
    assert_eq!(runtime.next_turn_at.unwrap() - due, chrono::TimeDelta::hours(1));
    assert!(!runtime.skip_next_tick);
    assert_eq!(runtime.status.as_str(), "running");
    controller.kill9();
    each_turn_once(&world, game_id).await;
}

#[tokio::test]
async fn a_turn_missed_while_down_runs_once() {
    let world = World::with_processes().await;
    let game_id = world.game("@every 1h", &["Ants", "Bees"]).await;
    let mut first = world.controller(&[]);
    world.reaches(game_id, "running").await;
    first.terminate();
    first.wait_exit(crate::world::SOON).await.unwrap();
    sqlx::query(
        "UPDATE runtime_turns SET scheduled_at = now() - interval '150 minutes',
        next_attempt_at = now() - interval '150 minutes' WHERE game_id = $1",
    )
    .bind(game_id.uuid())
    .execute(&world.pool())
    .await
    .unwrap();
    let mut second = world.controller(&[]);
    world.reaches_turn(game_id, 1).await;
    let minutes = world
        .number(
            "SELECT extract(epoch FROM scheduled_at - now())::bigint / 60 FROM runtime_turns WHERE game_id = $1",
            game_id,
        )
        .await;
    assert!((28..=30).contains(&minutes), "in phase again: {minutes}");
    second.kill9();
    each_turn_once(&world, game_id).await;
}

#[tokio::test]
async fn a_paused_game_rests_and_a_banished_race_is_extinct() {
    let world = World::with_processes().await;
    let game_id = world.game("@every 1s", &["Ants", "Bees", "Cats"]).await;
    let mut controller = world.controller(&[("GALAXY_TURN_LIMIT", "1000")]);
    world.reaches_turn(game_id, 1).await;
    world.enqueue(game_id, JobKind::Banish, json!({ "race_name": "Bees" })).await;
    testkit::eventually(crate::world::SOON, "banished", || async {
        world
            .number(
                "SELECT count(*) FROM runtime_operations WHERE game_id = $1 AND op = 'banish' AND outcome = 'ok'",
                game_id,
            )
            .await
            == 1
    })
    .await;
    world.end_game(game_id, "paused").await;
    testkit::eventually(crate::world::SOON, "stopped", || async {
        world.runtime(game_id).await.status.as_str() == "stopped"
    })
    .await;
    assert!(world.engines(game_id).is_empty());
    testkit::eventually(crate::world::SOON, "at rest", || async {
        world.text("SELECT status FROM runtime_turns WHERE game_id = $1", game_id).await == "idle"
    })
    .await;
    let turn = world.turn(game_id).await;

    // Force-start: on the kept state, without another init; its race is still banished.
    world.force_start(game_id).await;
    world.reaches(game_id, "running").await;
    world.reaches_turn(game_id, turn + 1).await;
    assert_eq!(world.told(game_id, "game.resumed").await.len(), 1);
    controller.kill9();
    each_turn_once(&world, game_id).await;
}
