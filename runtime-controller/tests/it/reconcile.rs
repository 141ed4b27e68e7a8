//! What the reconciler does about engines that die, loop, fall silent, or are nobody's: with the process driver, whose engines are
//! looked at every two seconds. The docker driver's events are in `docker_reconcile`.

use std::time::Duration;

use chrono::{DateTime, Utc};
use serde_json::{Value, json};
use shared::db::runtime::record_endpoint;
use shared::domain::runtime::{JobKind, QuestionKind};
use shared::ids::{GameId, WorkerId};
use testkit::eventually;
use testkit::process::bin_path;

use crate::replace::LONG;
use crate::turns::each_turn_once;
use crate::world::{SOON, World};

pub async fn operation(world: &World, game_id: GameId, op: &str, outcome: &str) -> Vec<(i32, String)> {
    sqlx::query_as(
        "SELECT times, coalesce(detail, '') FROM runtime_operations WHERE game_id = $1 AND op = $2
        AND outcome = $3 ORDER BY operation_id",
    )
    .bind(game_id.uuid())
    .bind(op)
    .bind(outcome)
    .fetch_all(&world.pool())
    .await
    .unwrap()
}

pub async fn set(world: &World, game_id: GameId, sql: &'static str) {
    sqlx::query(sql).bind(game_id.uuid()).execute(&world.pool()).await.unwrap();
}

/// What the controllers of the game's daemon answer; without `dry_run`, when all that it says was begun is done.
pub async fn ask(world: &World, game_id: GameId, dry_run: bool) -> Value {
    loop {
        let answer = ask_once(world, game_id, dry_run).await;
        if dry_run || answer["finished"] == true {
            return answer;
        }
    }
}

async fn ask_once(world: &World, game_id: GameId, dry_run: bool) -> Value {
    world.asks(game_id, QuestionKind::Reconcile, json!({ "dry_run": dry_run })).await
}

pub fn actions_of(answer: &Value, game_id: GameId) -> Vec<String> {
    let all = answer["actions"].as_array().unwrap().iter();
    let of_game = all.filter(|action| action["game_id"] == game_id.to_string().as_str());
    of_game.map(|action| action["action"].as_str().unwrap().to_owned()).collect()
}

pub fn signal(world: &World, game_id: GameId, signal: nix::sys::signal::Signal) {
    for pid in world.engines(game_id) {
        nix::sys::signal::kill(nix::unistd::Pid::from_raw(pid), signal).unwrap();
    }
}

#[tokio::test]
async fn a_crash_loop_is_brought_back_with_pauses_and_then_pauses_its_game() {
    let mut world = World::with_processes().await;
    let (script, broken) = (world.root.path().join("engine"), world.root.path().join("broken"));
    // A second of life after each boot is not "well".
    let text = format!(
        "#!/bin/sh\n[ -e {broken} ] && exec timeout --signal=KILL 1 {engine}\nexec {engine}\n",
        broken = broken.display(),
        engine = std::path::absolute(bin_path("galaxy-engine")).unwrap().display()
    );
    std::fs::write(&script, text).unwrap();
    std::fs::set_permissions(&script, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    world.image = script.to_str().unwrap().to_owned();
    let game_id = world.game("@every 1h", &["Ants", "Bees"]).await;
    let mut controller = world.controller(&LONG);
    world.reaches(game_id, "running").await;
    std::fs::write(&broken, "").unwrap();
    world.kill_engine(game_id);
    let patience = Duration::from_secs(180);
    eventually(patience, "paused", || async { world.status(game_id).await == "paused" }).await;
    assert_eq!(world.text("SELECT pause_reason FROM games WHERE game_id = $1", game_id).await, "engine_unreachable");
    let runtime = world.runtime(game_id).await;
    assert_eq!((runtime.status.as_str(), runtime.container_id, runtime.endpoint), ("removed", None, None));
    let revived = operation(&world, game_id, "revive", "ok").await;
    assert_eq!(revived.iter().map(|(times, _)| *times).collect::<Vec<_>>(), [6], "one row with a count: {revived:?}");
    assert_eq!(operation(&world, game_id, "lost", "removed").await.len(), 1);
    assert_eq!(world.told(game_id, "game.paused").await, [format!("paused:{game_id}:0")]);
    assert_eq!(world.told(game_id, "game.generation.failed").await.len(), 1);
    eventually(SOON, "nothing is left running", || async { world.engines(game_id).is_empty() }).await;

    // Mended, it goes on by force, with its whole budget.
    std::fs::remove_file(&broken).unwrap();
    world.force_start(game_id).await;
    world.reaches(game_id, "running").await;
    assert_eq!(world.number("SELECT revivals::bigint FROM runtime_records WHERE game_id = $1", game_id).await, 0);
    controller.kill9();
}

/// A network, a registry or a disk is missing: no engine's fault, and no reason to give any up.
#[tokio::test]
async fn what_an_engine_is_made_from_is_waited_for_and_costs_nothing_of_its_budget() {
    let world = World::with_processes().await;
    let game_id = world.game("@every 1h", &["Ants", "Bees"]).await;
    let mut controller = world.controller(&LONG);
    world.reaches(game_id, "running").await;
    controller.kill9();
    world.kill_engine(game_id);
    // What the process driver has of a container, out of its reach.
    let dir = world.state_root().join(".process").join(game_id.to_string());
    let aside = world.root.path().join("aside");
    std::fs::rename(&dir, &aside).unwrap();
    std::fs::write(&dir, "").unwrap();
    let mut controller = world.controller(&LONG);
    // More often than the budget has it.
    let often = || async { operation(&world, game_id, "revive", "failed").await.iter().any(|(times, _)| *times > 2) };
    eventually(SOON, "tried again and again", often).await;
    let revivals = "SELECT revivals::bigint FROM runtime_records WHERE game_id = $1";
    eventually(SOON, "given back", || async { world.number(revivals, game_id).await == 0 }).await;
    assert_eq!(world.status(game_id).await, "running");

    let long = "UPDATE runtime_records SET ill_since = now() - interval '6 minutes' WHERE game_id = $1";
    set(&world, game_id, long).await;
    world.reaches(game_id, "paused").await;
    assert_eq!(world.runtime(game_id).await.status.as_str(), "engine_unreachable", "it is not given up");
    assert_eq!(world.told(game_id, "game.paused").await, [format!("paused:{game_id}:0")]);
    // It is there again, and so is the game.
    std::fs::remove_file(&dir).unwrap();
    world.reaches(game_id, "running").await;
    assert_eq!(world.told(game_id, "game.resumed").await.len(), 1);
    assert_eq!(world.engines(game_id).len(), 1);
    controller.kill9();
}

#[tokio::test]
async fn an_engine_that_falls_silent_is_shown_so_until_it_answers_again() {
    let world = World::with_processes().await;
    let game_id = world.game("@every 1h", &["Ants", "Bees"]).await;
    let mut controller = world.controller(&[("BACKEND_ENGINE_PROBE_TIMEOUT", "1s")]);
    world.reaches(game_id, "running").await;
    signal(&world, game_id, nix::sys::signal::Signal::SIGSTOP);
    // As soon as it is due; here it is made so.
    set(&world, game_id, "UPDATE runtime_records SET probed_at = NULL WHERE game_id = $1").await;
    eventually(SOON, "unhealthy", || async { world.runtime(game_id).await.health.as_str() == "unhealthy" }).await;
    assert_eq!(world.status(game_id).await, "running", "silent for a moment: noted, no more");
    signal(&world, game_id, nix::sys::signal::Signal::SIGCONT);
    eventually(SOON, "healthy", || async { world.runtime(game_id).await.health.as_str() == "healthy" }).await;
    for outcome in ["unhealthy", "healthy"] {
        assert_eq!(operation(&world, game_id, "health", outcome).await.len(), 1, "{outcome}");
    }

    // Silent for long, it pauses its game; back within the hour, the game goes on by itself.
    signal(&world, game_id, nix::sys::signal::Signal::SIGSTOP);
    set(
        &world,
        game_id,
        "UPDATE runtime_records SET health = 'unhealthy', misses = 9, ill_since = now() - interval '6 minutes' WHERE game_id = $1",
    )
    .await;
    world.reaches(game_id, "paused").await;
    let runtime = world.runtime(game_id).await;
    assert_eq!((runtime.status.as_str(), runtime.next_turn_at), ("engine_unreachable", None));
    assert!(runtime.container_id.is_some(), "it may come back: it is left");
    assert_eq!(world.told(game_id, "game.paused").await, [format!("paused:{game_id}:0")]);
    signal(&world, game_id, nix::sys::signal::Signal::SIGCONT);
    world.reaches(game_id, "running").await;
    assert_eq!(world.told(game_id, "game.resumed").await, [format!("resumed:{game_id}:0:1")]);
    assert!(world.runtime(game_id).await.next_turn_at.is_some());
    controller.kill9();
}

#[tokio::test]
async fn a_game_that_was_paused_for_another_reason_or_long_ago_waits_for_a_person() {
    let world = World::with_processes().await;
    let mut controller = world.controller(&[]);
    let mut games = Vec::new();
    for _ in 0..3 {
        games.push(world.game("@every 1h", &["Ants", "Bees"]).await);
    }
    for game_id in &games {
        world.reaches(*game_id, "running").await;
        set(&world, *game_id, "UPDATE runtime_turns SET status = 'idle' WHERE game_id = $1").await;
    }
    let unreachable = "UPDATE runtime_records SET status = 'engine_unreachable' WHERE game_id = $1";
    set(&world, games[0], "UPDATE runtime_records SET status = 'generation_failed' WHERE game_id = $1").await;
    set(
        &world,
        games[0],
        "UPDATE games SET status = 'paused', pause_reason = 'generation_failed', updated_at = now() WHERE game_id = $1",
    )
    .await;
    set(&world, games[1], unreachable).await;
    set(
        &world,
        games[1],
        "UPDATE games SET status = 'paused', pause_reason = 'engine_unreachable',
        updated_at = now() - interval '2 hours' WHERE game_id = $1",
    )
    .await;
    // The one that may go on shows that the others had their chance.
    set(&world, games[2], unreachable).await;
    set(
        &world,
        games[2],
        "UPDATE games SET status = 'paused', pause_reason = 'engine_unreachable', updated_at = now()
        WHERE game_id = $1",
    )
    .await;
    world.reaches(games[2], "running").await;
    ask(&world, games[0], false).await;
    assert_eq!((world.status(games[0]).await, world.status(games[1]).await), ("paused".into(), "paused".into()));
    controller.kill9();
}

#[tokio::test]
async fn the_address_of_a_dead_engine_is_nobodys_before_another_can_have_it() {
    let world = World::with_processes().await;
    let (first, second) = (world.game("@every 1h", &["Ants"]).await, world.game("@every 1h", &["Bees"]).await);
    let mut controller = world.controller(&[]);
    for game_id in [first, second] {
        world.reaches(game_id, "running").await;
    }
    // Paused with its engine dead: nobody brings it back, and nobody calls it.
    set(&world, first, "UPDATE games SET status = 'paused', pause_reason = 'manual' WHERE game_id = $1").await;
    world.kill_engine(first);
    eventually(SOON, "forgotten", || async { world.runtime(first).await.endpoint.is_none() }).await;
    assert_eq!(operation(&world, first, "forget", "ok").await.len(), 1);
    // It goes on with its game.
    set(&world, first, "UPDATE games SET status = 'running', pause_reason = NULL WHERE game_id = $1").await;
    eventually(SOON, "back", || async { world.runtime(first).await.endpoint.is_some() }).await;
    controller.kill9();

    // Whoever is written down at an address takes it from whoever was, in one statement.
    let taken = world.runtime(second).await.endpoint.unwrap();
    let mut conn = world.pool().acquire().await.unwrap();
    record_endpoint(&mut conn, first, "c", &taken).await.unwrap();
    assert_eq!((world.runtime(first).await.endpoint, world.runtime(second).await.endpoint), (Some(taken), None));
}

#[tokio::test]
async fn a_start_forgets_the_addresses_of_dead_engines_before_it_starts_its_own() {
    let world = World::with_processes().await;
    let dead = world.game("@every 1h", &["Ants"]).await;
    let mut controller = world.controller(&[]);
    world.reaches(dead, "running").await;
    controller.kill9();
    set(&world, dead, "UPDATE games SET status = 'paused', pause_reason = 'manual' WHERE game_id = $1").await;
    world.kill_engine(dead);
    assert!(world.runtime(dead).await.endpoint.is_some(), "nobody was there to see it");
    // The start sees to it itself, where the reconciler has not looked yet.
    let mut barrier = crate::barrier::Barrier::on_jobs(&world.db, "new.kind = 'start' AND new.step = 'health'").await;
    let next = world.game("@every 1h", &["Bees"]).await;
    let mut controller = world.controller(&[]);
    barrier.reached().await;
    assert_eq!(world.runtime(dead).await.endpoint, None, "before the other's address is used");
    barrier.lift("runtime_jobs").await;
    world.reaches(next, "running").await;
    controller.kill9();
}

/// R10: 401 says "not our engine"; so does another game's status.
#[tokio::test]
async fn an_engine_that_does_not_take_the_games_token_is_replaced_and_the_turn_goes_on() {
    let world = World::with_processes().await;
    let game_id = world.game("@every 2s", &["Ants", "Bees"]).await;
    let mut controller = world.controller(&LONG);
    world.reaches_turn(game_id, 1).await;
    let engine = world.engines(game_id);
    set(&world, game_id, "UPDATE runtime_records SET engine_token = 'another container''s' WHERE game_id = $1").await;
    let turn = world.turn(game_id).await;
    world.reaches_turn(game_id, turn + 3).await;
    assert_ne!(world.engines(game_id), engine);
    assert_eq!(world.engines(game_id).len(), 1);
    assert!(world.told(game_id, "game.paused").await.is_empty());
    controller.kill9();
    each_turn_once(&world, game_id).await;
}

/// R11: the restart that would be refused in the end touches nothing.
#[tokio::test]
async fn a_restart_of_an_engine_that_is_ahead_of_a_restored_database_leaves_it_as_it_is() {
    let world = World::with_processes().await;
    let game_id = world.game("@every 1s", &["Ants", "Bees"]).await;
    let mut controller = world.controller(&LONG);
    world.reaches_turn(game_id, 4).await;
    set(&world, game_id, "UPDATE games SET status = 'paused', pause_reason = 'manual' WHERE game_id = $1").await;
    eventually(SOON, "at rest", || async { world.runtime(game_id).await.next_turn_at.is_none() }).await;
    set(&world, game_id, "UPDATE games SET current_turn = 1 WHERE game_id = $1").await;
    set(&world, game_id, "UPDATE runtime_records SET current_turn = 1 WHERE game_id = $1").await;
    let engine = world.engines(game_id);
    world.enqueue(game_id, JobKind::Restart, json!({})).await;
    let error = world.job_ends(game_id, "restart", "failed").await;
    assert!(error.contains("accept-turn"), "{error}");
    assert_eq!(world.engines(game_id), engine);
    let runtime = world.runtime(game_id).await;
    assert!(runtime.endpoint.is_some() && runtime.status.as_str() == "running", "{runtime:?}");
    controller.kill9();
}

#[tokio::test]
async fn what_is_nobodys_goes_after_the_grace_and_the_api_can_ask_for_it() {
    let world = World::with_processes().await;
    let (over, goes_on) = (world.game("@every 1h", &["Ants"]).await, world.game("@every 1h", &["Bees"]).await);
    let mut controller = world.controller(&[("BACKEND_RUNTIME_ORPHAN_GRACE", "1h")]);
    for game_id in [over, goes_on] {
        world.reaches(game_id, "running").await;
    }
    // Over, and nobody enqueued the stop.
    set(&world, over, "UPDATE games SET status = 'finished' WHERE game_id = $1").await;
    let answer = ask(&world, over, true).await;
    assert_eq!(actions_of(&answer, over), ["orphan"]);
    let due = |action: &Value| action["action"] == "orphan" && action["due_at"].is_string();
    assert!(answer["actions"].as_array().unwrap().iter().any(due), "{answer}");
    ask(&world, over, false).await;
    assert_eq!(world.engines(over).len(), 1, "its grace is not over");
    controller.kill9();
    let mut controller = world.controller(&[("BACKEND_RUNTIME_ORPHAN_GRACE", "0s")]);
    eventually(SOON, "gone", || async { world.engines(over).is_empty() }).await;
    eventually(SOON, "noted", || async { world.runtime(over).await.container_id.is_none() }).await;
    assert_eq!(operation(&world, over, "orphan", "removed").await.len(), 1);
    assert_eq!(world.engines(goes_on).len(), 1);
    assert!(world.state_root().join(over.to_string()).is_dir(), "the state directory stays");

    // What is missed is said, unless it is seen to already.
    world.kill_engine(goes_on);
    let answer = ask(&world, goes_on, true).await;
    let told: Vec<String> = actions_of(&answer, goes_on).into_iter().filter(|told| told != "probe").collect();
    assert!(told.is_empty() || told == ["revive"] || told == ["forget", "revive"], "{answer}");
    eventually(SOON, "back", || async { world.engines(goes_on).len() == 1 }).await;
    controller.kill9();
}

/// What the administrators were told of daemons that nobody serves, the oldest first.
async fn alarms(world: &World) -> Vec<Value> {
    sqlx::query_scalar(
        "SELECT payload FROM notifications
          WHERE kind = 'runtime.daemon_unserved' AND audience = 'administrators' AND game_id IS NULL
          ORDER BY notification_id",
    )
    .fetch_all(&world.pool())
    .await
    .unwrap()
}

/// Since when nobody serves the game's daemon, as its record has it.
async fn unserved_since(world: &World, game_id: GameId) -> Option<DateTime<Utc>> {
    sqlx::query_scalar("SELECT unserved_since FROM runtime_records WHERE game_id = $1")
        .bind(game_id.uuid())
        .fetch_one(&world.pool())
        .await
        .unwrap()
}

/// R16.
#[tokio::test]
async fn games_of_a_daemon_that_nobody_serves_are_shown_so_and_told_of_once() {
    let world = World::with_processes().await;
    let (lost, served) = (world.game("@every 1h", &["Ants"]).await, world.game("@every 1h", &["Bees"]).await);
    let too = world.game("@every 1h", &["Wasps"]).await;
    let mut controller = world.controller(&[]);
    for game_id in [lost, served, too] {
        world.reaches(game_id, "running").await;
    }
    for game_id in [lost, too] {
        let moved = "UPDATE runtime_records SET daemon_id = 'process:another', endpoint = NULL WHERE game_id = $1";
        set(&world, game_id, moved).await;
    }
    // The controller tells which daemon it serves some time after it began.
    eventually(SOON, "shown", || async { world.runtime(lost).await.health.as_str() == "unserved" }).await;
    assert_ne!(world.runtime(served).await.health.as_str(), "unserved");
    for game_id in [lost, too] {
        eventually(SOON, "seen", || async { unserved_since(&world, game_id).await.is_some() }).await;
    }
    assert_eq!(unserved_since(&world, served).await, None);
    let long_ago = "UPDATE runtime_records SET unserved_since = now() - interval '2 minutes'
                     WHERE daemon_id = 'process:another'";
    sqlx::query(long_ago).execute(&world.pool()).await.unwrap();
    eventually(SOON, "told", || async { !alarms(&world).await.is_empty() }).await;
    let since = unserved_since(&world, lost).await;
    let told = alarms(&world).await;
    assert_eq!(told.len(), 1, "once for both games: {told:?}");
    assert_eq!(told[0]["daemon_id"], "process:another");
    assert_eq!(told[0]["games"], 2);
    assert_eq!(told[0]["since"].as_str().unwrap().parse::<DateTime<Utc>>().ok(), since);
    // One game goes and comes. It is seen again by a later look, which tells nothing new: the daemon was not served meanwhile.
    set(&world, lost, "UPDATE runtime_records SET unserved_since = NULL WHERE game_id = $1").await;
    eventually(SOON, "seen again", || async { unserved_since(&world, lost).await.is_some() }).await;
    assert_eq!(unserved_since(&world, lost).await, since, "the daemon's moment");
    assert_eq!(alarms(&world).await, told);
    assert!(world.told(lost, "runtime.start_config_invalid").await.is_empty(), "its set-up is as it was");
    assert!(world.engines(lost).len() == 1, "another daemon's engine that runs is left alone");
    controller.kill9();
    // By the lease, and by nothing else.
    let lease = async |until: &'static str| sqlx::query(until).execute(&world.pool()).await.unwrap();
    lease("UPDATE workers SET expires_at = now() + interval '1 hour'").await;
    assert_eq!(world.runtime(served).await.health.as_str(), "healthy", "the lease is still good");
    lease("UPDATE workers SET expires_at = now() - interval '1 second'").await;
    assert_eq!(world.runtime(served).await.health.as_str(), "unserved");
}

/// R16.
#[tokio::test]
async fn a_daemon_that_was_served_in_between_is_told_of_again() {
    let world = World::with_processes().await;
    let lost = world.game("@every 1h", &["Ants"]).await;
    let mut controller = world.controller(&[]);
    world.reaches(lost, "running").await;
    let moved = "UPDATE runtime_records SET daemon_id = 'process:another', endpoint = NULL WHERE game_id = $1";
    set(&world, lost, moved).await;
    let long_ago = "UPDATE runtime_records SET unserved_since = now() - interval '2 minutes' WHERE game_id = $1";
    set(&world, lost, long_ago).await;
    eventually(SOON, "told", || async { alarms(&world).await.len() == 1 }).await;

    let another = WorkerId::new().uuid();
    sqlx::query(
        "INSERT INTO workers (worker_id, process, instance, expires_at, daemon_id)
         VALUES ($1, 'runtime-controller', 'another', now() + interval '50 seconds', 'process:another')",
    )
    .bind(another)
    .execute(&world.pool())
    .await
    .unwrap();
    eventually(SOON, "served again", || async { unserved_since(&world, lost).await.is_none() }).await;
    sqlx::query("DELETE FROM workers WHERE worker_id = $1").bind(another).execute(&world.pool()).await.unwrap();
    eventually(SOON, "unserved again", || async { unserved_since(&world, lost).await.is_some() }).await;
    set(&world, lost, long_ago).await;
    eventually(SOON, "told again", || async { alarms(&world).await.len() == 2 }).await;
    let told = alarms(&world).await;
    assert_ne!(told[0]["since"], told[1]["since"]);
    assert!(told.iter().all(|alarm| alarm["daemon_id"] == "process:another" && alarm["games"] == 1), "{told:?}");
    controller.kill9();
}

/// R20: nobody waits with the alarm for the day that a clock was ahead by, nor tells of a moment that has not come.
#[tokio::test]
async fn since_when_a_daemon_is_unserved_is_never_later_than_now() {
    let world = World::with_processes().await;
    let (lost, too) = (world.game("@every 1h", &["Ants"]).await, world.game("@every 1h", &["Bees"]).await);
    let mut controller = world.controller(&[]);
    for game_id in [lost, too] {
        world.reaches(game_id, "running").await;
    }
    for game_id in [lost, too] {
        let moved = "UPDATE runtime_records SET daemon_id = 'process:another', endpoint = NULL WHERE game_id = $1";
        set(&world, game_id, moved).await;
        eventually(SOON, "seen", || async { unserved_since(&world, game_id).await.is_some() }).await;
    }
    // One of them: the daemon has its moment.
    let since = unserved_since(&world, too).await;
    let ahead = "UPDATE runtime_records SET unserved_since = now() + interval '1 day' WHERE game_id = $1";
    set(&world, lost, ahead).await;
    eventually(SOON, "the daemon's moment", || async { unserved_since(&world, lost).await == since }).await;
    // All of them: from now on.
    for game_id in [lost, too] {
        set(&world, game_id, ahead).await;
    }
    let past = "SELECT count(*) FROM runtime_records WHERE game_id = $1 AND unserved_since <= now()";
    for game_id in [lost, too] {
        eventually(SOON, "never later than now", || async { world.number(past, game_id).await == 1 }).await;
    }
    controller.kill9();
}

#[tokio::test]
async fn the_engine_of_a_game_with_a_word_of_a_later_build_is_nobodys_orphan() {
    let world = World::with_processes().await;
    let (later, known) = (world.game("@every 1h", &["Ants"]).await, world.game("@every 1h", &["Bees"]).await);
    let mut controller = world.controller(&[("BACKEND_RUNTIME_ORPHAN_GRACE", "1s")]);
    for game_id in [later, known] {
        world.reaches(game_id, "running").await;
    }
    sqlx::query("ALTER TABLE games DROP CONSTRAINT games_status_check").execute(&world.pool()).await.unwrap();
    set(&world, later, "UPDATE games SET status = 'hibernating' WHERE game_id = $1").await;
    assert_eq!(actions_of(&ask(&world, known, true).await, later), Vec::<String>::new());
    // What is known to have no use any more goes, meanwhile.
    set(&world, known, "UPDATE games SET status = 'cancelled' WHERE game_id = $1").await;
    eventually(SOON, "the engine of the other game is gone", || async { world.engines(known).is_empty() }).await;
    assert_eq!(world.engines(later).len(), 1);
    controller.kill9();
}
