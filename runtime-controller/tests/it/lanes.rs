//! A slow engine is alone with it (SPEC §8): what hangs keeps nobody else from turns, starts and stops.

use serde_json::json;
use shared::db::{games, runtime};
use shared::domain::game::PauseReason;
use shared::domain::runtime::JobKind;
use shared::ids::GameId;
use testkit::eventually;
use testkit::scripted::{Call, Rule, Script, journal, seen};

use crate::turns::each_turn_once;
use crate::world::{SOON, World};

fn hangs_in(call: Call) -> Script {
    Script::of([Rule { hang: true, ..Rule::on(call) }])
}

#[tokio::test]
async fn games_that_hang_in_their_turn_do_not_keep_an_honest_one_from_its_turns() {
    let world = World::with_scripts().await;
    // Long enough that none of them ends before the honest game has played.
    let mut controller = world.controller(&[("BACKEND_ENGINE_CALL_TIMEOUT", "10m"), ("GALAXY_TURN_LIMIT", "1000000")]);
    let mut hanging = Vec::new();
    for _ in 0..8 {
        hanging.push(world.scripted("@every 1s", hangs_in(Call::Turn)).await);
    }
    for game_id in &hanging {
        eventually(SOON, "it hangs", || async { !seen(&world.state_dir(*game_id), Call::Turn).is_empty() }).await;
    }
    // Begun while they hang, with twice as many of them as there are slots for jobs.
    let honest = world.scripted("@every 1s", Script::default()).await;
    world.reaches_turn(honest, 12).await;
    for game_id in &hanging {
        assert_eq!((world.turn(*game_id).await, world.journal(*game_id).len()), (0, 0));
        assert_eq!(world.runtime(*game_id).await.status.as_str(), "generation_in_progress");
        assert_eq!(seen(&world.state_dir(*game_id), Call::Turn).len(), 1, "still its first attempt");
    }
    // What hung becomes well, and goes on.
    let well = hanging[0];
    world.script(well, []);
    world.kill_engine(well);
    world.reaches_turn(well, 2).await;
    controller.kill9();
    for game_id in [honest, well] {
        each_turn_once(&world, game_id).await;
    }
}

#[tokio::test]
async fn starts_of_silent_engines_do_not_keep_an_honest_one_from_starting_and_stopping() {
    let world = World::with_scripts().await;
    let mut controller = world.controller(&[("BACKEND_ENGINE_CALL_TIMEOUT", "10m")]);
    let mut silent = Vec::new();
    for call in [Call::Healthz, Call::Init, Call::Healthz, Call::Init, Call::Healthz, Call::Init] {
        silent.push(world.scripted("@every 1h", hangs_in(call)).await);
    }
    for game_id in &silent {
        eventually(SOON, "it waits for its engine", || async {
            let step = world.text("SELECT step FROM runtime_jobs WHERE game_id = $1", *game_id).await;
            if matches!(step.as_str(), "health" | "init") { Ok(()) } else { Err(step) }
        })
        .await;
    }
    let honest = world.scripted("@every 1h", Script::default()).await;
    world.reaches(honest, "running").await;
    world.enqueue(honest, JobKind::ForceNextTurn, json!({})).await;
    world.reaches_turn(honest, 1).await;
    world.end_game(honest, "cancelled").await;
    eventually(SOON, "its engine is gone", || async { world.engines(honest).is_empty() }).await;
    for game_id in &silent {
        assert_eq!(world.status(*game_id).await, "starting");
    }
    controller.kill9();
}

#[tokio::test]
async fn suspects_whose_engines_hang_do_not_keep_an_honest_one_from_its_turns() {
    let world = World::with_scripts().await;
    let env = [("BACKEND_ENGINE_CALL_TIMEOUT", "10m"), ("GALAXY_TURN_LIMIT", "1000000")];
    let mut first = world.controller(&env);
    let mut hanging = Vec::new();
    for _ in 0..3 {
        hanging.push(world.scripted("@every 1s", hangs_in(Call::Turn)).await);
    }
    let honest = world.scripted("@every 1s", Script::default()).await;
    for game_id in &hanging {
        eventually(SOON, "it hangs", || async { !seen(&world.state_dir(*game_id), Call::Turn).is_empty() }).await;
    }
    world.reaches_turn(honest, 2).await;
    // Whoever worked them died: each is a suspect now, to be worked alone.
    first.kill9();
    let mut second = world.controller(&env);
    eventually(SOON, "all three hang again, none of them alone any more", || async {
        let mut seen_here = Vec::new();
        for game_id in &hanging {
            let sql = "SELECT (NOT suspect AND status = 'generating' AND attempt_no > 1)::int::bigint
                FROM runtime_turns WHERE game_id = $1";
            seen_here.push(world.number(sql, *game_id).await);
        }
        if seen_here == [1, 1, 1] { Ok(()) } else { Err(seen_here) }
    })
    .await;
    let turn = world.turn(honest).await;
    world.reaches_turn(honest, turn + 5).await;
    second.kill9();
    each_turn_once(&world, honest).await;
}

#[tokio::test]
async fn an_engine_that_is_busy_for_a_while_keeps_its_game_running_and_its_retry_after_is_heard() {
    let world = World::with_scripts().await;
    let mut controller = world.controller(&[]);
    let busy = |times, after: &str| {
        let rule = Rule { status: Some(503), times: Some(times), ..Rule::on(Call::Turn) };
        Script::of([Rule { headers: [("Retry-After".to_owned(), after.to_owned())].into(), ..rule }])
    };
    // Four failures are within the budget of five attempts.
    let passing = world.scripted("@every 1h", busy(4, "0")).await;
    // Its pause is of the engine's choosing, and far longer than the hurried first one of its own.
    let asking = world.scripted("@every 1h", busy(1, "15")).await;
    let for_ever = world.scripted("@every 1h", busy(1_000, "0")).await;
    for game_id in [passing, asking, for_ever] {
        world.reaches(game_id, "running").await;
        world.enqueue(game_id, JobKind::ForceNextTurn, json!({})).await;
    }
    eventually(SOON, "it waits as it was asked to", || async {
        let sql = "SELECT extract(epoch FROM next_attempt_at - clock_timestamp())::bigint FROM runtime_turns
            WHERE game_id = $1 AND status = 'retrying'";
        let left: Option<i64> =
            sqlx::query_scalar(sql).bind(asking.uuid()).fetch_optional(&world.pool()).await.unwrap();
        left.is_some_and(|left| left >= 3)
    })
    .await;
    for game_id in [passing, asking] {
        world.reaches_turn(game_id, 1).await;
        assert_eq!(world.status(game_id).await, "running");
        assert!(world.told(game_id, "game.paused").await.is_empty());
    }
    assert_eq!(seen(&world.state_dir(passing), Call::Turn).len(), 5);
    // One that asks for patience for ever ends as any other that fails.
    world.reaches(for_ever, "paused").await;
    assert_eq!(seen(&world.state_dir(for_ever), Call::Turn).len(), 5);
    assert_eq!(world.text("SELECT pause_reason FROM games WHERE game_id = $1", for_ever).await, "generation_failed");
    controller.kill9();
    assert_eq!(journal(&world.state_dir(passing)), [1]);
}

/// An engine that says "not now" to some calls, for so long.
fn not_now(call: Call, times: u32, after: &str) -> Rule {
    let headers = [("Retry-After".to_owned(), after.to_owned())].into();
    Rule { status: Some(503), times: Some(times), headers, ..Rule::on(call) }
}

#[tokio::test]
async fn a_job_whose_engine_is_busy_waits_as_it_was_asked_to_and_is_done() {
    let world = World::with_scripts().await;
    let mut controller = world.controller(&[]);
    let waits = async |game_id: GameId, kind: &str| {
        eventually(SOON, format!("the {kind} waits as it was asked to"), || async {
            let sql =
                "SELECT concat_ws(' ', kind, ceil(extract(epoch FROM next_attempt_at - clock_timestamp()))::bigint)
                FROM runtime_jobs WHERE game_id = $1 AND status = 'retrying' UNION ALL SELECT '' LIMIT 1";
            let shown = world.text(sql, game_id).await;
            let left = shown.split_once(' ').filter(|(of, _)| *of == kind).map(|(_, left)| left.parse::<i64>());
            if left.is_some_and(|left| left.is_ok_and(|left| left >= 3)) { Ok(()) } else { Err(shown) }
        })
        .await;
    };
    let script = Script::of([not_now(Call::Init, 1, "15"), not_now(Call::Banish, 1, "15")]);
    let game_id = world.scripted("@every 1h", script).await;
    waits(game_id, "start").await;
    world.reaches(game_id, "running").await;
    world.enqueue(game_id, JobKind::Banish, json!({ "race_name": "Bees" })).await;
    waits(game_id, "banish").await;
    world.job_ends(game_id, "banish", "succeeded").await;
    // One that asks for patience for ever ends as any other that fails.
    let for_ever = world.scripted("@every 1h", Script::of([not_now(Call::Init, 1_000, "0")])).await;
    world.reaches(for_ever, "start_failed").await;
    assert_eq!(seen(&world.state_dir(for_ever), Call::Init).len(), 4);
    assert_eq!(world.told(for_ever, "runtime.container_start_failed").await.len(), 1);
    controller.kill9();
}

/// A game whose engine has put its first turn off for ten minutes.
async fn put_off(world: &World) -> GameId {
    let game_id = world.scripted("@every 1h", Script::of([not_now(Call::Turn, 1, "600")])).await;
    world.reaches(game_id, "running").await;
    world.enqueue(game_id, JobKind::ForceNextTurn, json!({})).await;
    world.job_ends(game_id, "force_next_turn", "succeeded").await;
    eventually(SOON, "it waits as it was asked to", || async {
        world.text("SELECT status FROM runtime_turns WHERE game_id = $1", game_id).await == "retrying"
    })
    .await;
    assert_eq!(world.runtime(game_id).await.status.as_str(), "generation_in_progress");
    game_id
}

#[tokio::test]
async fn a_turn_that_is_to_be_tried_again_may_be_forced() {
    let world = World::with_scripts().await;
    let mut controller = world.controller(&[]);
    let game_id = put_off(&world).await;
    world.enqueue(game_id, JobKind::ForceNextTurn, json!({})).await;
    world.job_ends(game_id, "force_next_turn", "succeeded").await;
    world.reaches_turn(game_id, 1).await;
    controller.kill9();
    each_turn_once(&world, game_id).await;
}

#[tokio::test]
async fn a_game_that_is_paused_between_two_tries_of_its_turn_is_not_shown_as_generating_any_more() {
    let world = World::with_scripts().await;
    let mut controller = world.controller(&[]);
    let game_id = put_off(&world).await;
    // What the API does for pause.
    let mut tx = world.pool().begin().await.unwrap();
    games::lock(&mut tx, game_id).await.unwrap();
    games::paused(&mut tx, game_id, PauseReason::Manual).await.unwrap();
    runtime::park_turn(&mut tx, game_id).await.unwrap();
    tx.commit().await.unwrap();
    let record = world.runtime(game_id).await;
    assert_eq!((record.status.as_str(), record.next_turn_at), ("running", None));
    // Its engine is looked after again.
    sqlx::query("UPDATE runtime_records SET probed_at = now() - interval '1 hour' WHERE game_id = $1")
        .bind(game_id.uuid())
        .execute(&world.pool())
        .await
        .unwrap();
    let probed = "SELECT count(*) FROM runtime_records
        WHERE game_id = $1 AND probed_at > now() - interval '30 minutes'";
    eventually(SOON, "it is probed", || async { world.number(probed, game_id).await == 1 }).await;
    controller.kill9();
}

#[tokio::test]
async fn a_turn_whose_outcome_cannot_be_written_down_pauses_its_game() {
    let world = World::with_scripts().await;
    let mut controller = world.controller(&[("GALAXY_TURN_LIMIT", "1")]);
    let merge = json!({ "winners": ["Ants\u{0}"] }).as_object().cloned();
    // Only at the end: it starts well.
    let rules = [(Call::Turn, 0), (Call::Status, 1)].map(|(call, turn)| Rule {
        turn: Some(turn),
        merge: merge.clone(),
        ..Rule::on(call)
    });
    let game_id = world.scripted("@every 1h", Script::of(rules)).await;
    world.reaches(game_id, "running").await;
    world.enqueue(game_id, JobKind::ForceNextTurn, json!({})).await;
    world.reaches(game_id, "paused").await;
    assert_eq!(world.told(game_id, "game.generation.failed").await.len(), 1, "it dies visibly");
    assert_eq!(world.text("SELECT status FROM runtime_turns WHERE game_id = $1", game_id).await, "failed");
    assert_ne!(world.runtime(game_id).await.status.as_str(), "generation_in_progress");
    controller.kill9();
}
