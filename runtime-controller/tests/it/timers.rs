//! The turn timer over forced turns, rests and wrong clocks; games without a next turn; games that are ended.

use std::time::Duration;

use chrono::TimeDelta;
use serde_json::json;
use shared::db::endings::{self, Ended, Ending};
use shared::domain::runtime::JobKind;
use shared::ids::GameId;
use shared::queue::Topic;
use testkit::eventually;

use crate::reconcile::signal;
use crate::turns::each_turn_once;
use crate::world::{SOON, World};

const RACES: [&str; 2] = ["Ants", "Bees"];

impl World {
    async fn game_sql(&self, sql: &'static str, game_id: GameId) {
        sqlx::query(sql).bind(game_id.uuid()).execute(&self.pool()).await.unwrap();
    }

    /// What the API does for end.
    pub async fn ended_by_hand(&self, game_id: GameId) {
        let turn = u32::try_from(self.turn(game_id).await).unwrap();
        let ending = Ending {
            game_id,
            turn,
            reason: "enough",
            pending_registration_ttl: Duration::from_secs(3_600),
            request_id: None,
            traceparent: None,
        };
        let mut tx = self.pool().begin().await.unwrap();
        assert_eq!(endings::end(&mut tx, &ending).await.unwrap(), Ended::Done);
        tx.commit().await.unwrap();
        self.wake(Topic::RuntimeJobs).await;
    }
}

#[tokio::test]
async fn forced_three_times_one_scheduled_turn_is_skipped() {
    let world = World::with_processes().await;
    let game_id = world.game("@every 1h", &RACES).await;
    let mut controller = world.controller(&[]);
    world.reaches(game_id, "running").await;
    let due = world.runtime(game_id).await.next_turn_at.unwrap();
    for turn in 1..=3 {
        world.enqueue(game_id, JobKind::ForceNextTurn, json!({})).await;
        world.reaches_turn(game_id, turn).await;
        eventually(SOON, "the job is over", || async {
            let active = "SELECT count(*) FROM runtime_jobs WHERE game_id = $1 AND finished_at IS NULL";
            if world.number(active, game_id).await == 0 { Ok(()) } else { Err(()) }
        })
        .await;
    }
    let runtime = world.runtime(game_id).await;
    assert_eq!(runtime.next_turn_at.unwrap() - due, TimeDelta::hours(1));
    controller.kill9();
    each_turn_once(&world, game_id).await;
}

#[tokio::test]
async fn a_due_time_that_a_clock_ahead_has_set_is_computed_anew() {
    let world = World::with_processes().await;
    let games = [world.game("@every 1h", &RACES).await, world.game("0 * * * *", &["Cats", "Dogs"]).await];
    let mut controller = world.controller(&[]);
    for game_id in games {
        world.reaches(game_id, "running").await;
        world
            .game_sql(
                "UPDATE runtime_turns SET scheduled_at = scheduled_at + interval '1 day',
            next_attempt_at = next_attempt_at + interval '1 day' WHERE game_id = $1",
                game_id,
            )
            .await;
    }
    for game_id in games {
        eventually(SOON, "within the hour", || async {
            let minutes = "SELECT extract(epoch FROM next_attempt_at - now())::bigint / 60 FROM runtime_turns
                WHERE game_id = $1 AND next_attempt_at = scheduled_at";
            let seen = world.number(minutes, game_id).await;
            if (0..=60).contains(&seen) { Ok(()) } else { Err(seen) }
        })
        .await;
    }
    controller.kill9();
}

/// R20: what else a clock that was a day ahead for seconds has set holds nothing up for that day.
#[tokio::test]
async fn what_a_clock_ahead_has_put_off_is_due() {
    let world = World::with_processes().await;
    let games = [world.game("@every 1h", &RACES).await, world.game("@every 1h", &["Cats", "Dogs"]).await];
    // A start that is put off; and one that is alone with its controller, since another died of it.
    let tomorrow = "UPDATE runtime_jobs SET next_attempt_at = now() + interval '1 day' WHERE game_id = $1";
    for game_id in games {
        world.game_sql(tomorrow, game_id).await;
    }
    world.game_sql("UPDATE runtime_jobs SET suspect = true, crashes = 1 WHERE game_id = $1", games[1]).await;
    let mut controller = world.controller(&[("BACKEND_ENGINE_PROBE_TIMEOUT", "1s")]);
    for game_id in games {
        world.reaches(game_id, "running").await;
    }

    // An engine's next revival.
    let ahead = "UPDATE runtime_records SET revive_at = now() + interval '1 day', revivals = 1 WHERE game_id = $1";
    world.game_sql(ahead, games[0]).await;
    world.kill_engine(games[0]);
    eventually(SOON, "brought back", || async { world.engines(games[0]).len() == 1 }).await;

    // The probes of one that is silent, and since when it is.
    signal(&world, games[1], nix::sys::signal::Signal::SIGSTOP);
    let ahead = "UPDATE runtime_records SET probed_at = now() + interval '1 day', ill_since = now() + interval '1 day'
        WHERE game_id = $1";
    world.game_sql(ahead, games[1]).await;
    let seen =
        "SELECT count(*) FROM runtime_records WHERE game_id = $1 AND health = 'unhealthy' AND ill_since <= now()";
    eventually(SOON, "seen to be ill", || async { world.number(seen, games[1]).await == 1 }).await;
    signal(&world, games[1], nix::sys::signal::Signal::SIGCONT);

    // A turn that is alone with its controller, too.
    let ahead = "UPDATE runtime_turns SET suspect = true, scheduled_at = scheduled_at + interval '1 day',
        next_attempt_at = next_attempt_at + interval '1 day' WHERE game_id = $1";
    world.game_sql(ahead, games[0]).await;
    eventually(SOON, "within the hour", || async {
        let minutes = "SELECT extract(epoch FROM next_attempt_at - now())::bigint / 60 FROM runtime_turns
            WHERE game_id = $1 AND next_attempt_at = scheduled_at";
        let seen = world.number(minutes, games[0]).await;
        if (0..=60).contains(&seen) { Ok(()) } else { Err(seen) }
    })
    .await;
    controller.kill9();
}

#[tokio::test]
async fn stopped_and_started_again_a_game_has_the_time_that_was_left() {
    let world = World::with_processes().await;
    let game_id = world.game("@every 1h", &RACES).await;
    let mut controller = world.controller(&[]);
    world.reaches(game_id, "running").await;
    let left = "UPDATE runtime_turns SET scheduled_at = now() + interval '5 minutes',
        next_attempt_at = now() + interval '5 minutes' WHERE game_id = $1";
    world.game_sql(left, game_id).await;
    world.end_game(game_id, "paused").await;
    eventually(SOON, "stopped", || async { world.runtime(game_id).await.status.as_str() == "stopped" }).await;
    // Stopped for a week.
    world
        .game_sql(
            "UPDATE runtime_turns SET scheduled_at = scheduled_at - interval '7 days',
        rested_at = rested_at - interval '7 days' WHERE game_id = $1",
            game_id,
        )
        .await;
    world.force_start(game_id).await;
    world.reaches(game_id, "running").await;
    let seconds = "SELECT extract(epoch FROM scheduled_at - now())::bigint FROM runtime_turns WHERE game_id = $1 AND status = 'pending'";
    let seen = world.number(seconds, game_id).await;
    assert!((60..=300).contains(&seen), "{seen} s are left of five minutes");
    controller.kill9();
}

#[tokio::test]
async fn a_schedule_that_runs_dry_pauses_the_game_after_its_turn_and_the_administrators_are_told() {
    let world = World::with_processes().await;
    let game_id = world.game("@every 1s", &RACES).await;
    let mut controller = world.controller(&[("GALAXY_TURN_LIMIT", "1000")]);
    world.reaches_turn(game_id, 1).await;
    world.game_sql("UPDATE games SET turn_schedule = '0 0 31 2 *' WHERE game_id = $1", game_id).await;
    world.reaches(game_id, "paused").await;
    assert_eq!(world.text("SELECT pause_reason FROM games WHERE game_id = $1", game_id).await, "schedule_ended");
    let turn = world.turn(game_id).await;
    let key = format!("paused:{game_id}:{turn}");
    assert_eq!(world.told(game_id, "game.paused").await, [key.as_str()]);
    assert_eq!(world.told(game_id, "game.generation.failed").await, [key.as_str()]);
    assert_eq!(world.runtime(game_id).await.next_turn_at, None);
    controller.kill9();
    each_turn_once(&world, game_id).await;
}

#[tokio::test]
async fn a_game_that_is_ended_keeps_its_reports_and_loses_its_engine() {
    let world = World::with_processes().await;
    let game_id = world.game("@every 1s", &RACES).await;
    let mut controller = world.controller(&[("GALAXY_TURN_LIMIT", "1000")]);
    world.reaches_turn(game_id, 2).await;
    world.ended_by_hand(game_id).await;
    eventually(SOON, "its engine is gone", || async { world.engines(game_id).is_empty() }).await;
    eventually(SOON, "and its container", || async { world.runtime(game_id).await.container_id.is_none() }).await;
    let runtime = world.runtime(game_id).await;
    assert_eq!((runtime.next_turn_at, runtime.endpoint), (None, None));
    assert_eq!(world.status(game_id).await, "finished");
    let turn = world.turn(game_id).await;
    let reports = world.number("SELECT count(*) FROM engine_reports WHERE game_id = $1", game_id).await;
    assert_eq!(reports, 2 * (turn + 1), "of every race and turn");
    assert_eq!(world.told(game_id, "game.finished").await, [format!("finished:{game_id}")]);
    let pending = "SELECT count(*) FROM race_names WHERE game_id = $1 AND status = 'pending_registration'";
    assert_eq!(world.number(pending, game_id).await, 2);
    controller.kill9();
}

#[tokio::test]
async fn a_game_that_nobody_is_left_in_is_ended_after_a_while() {
    let world = World::with_processes().await;
    let games = [world.game("@every 1h", &RACES).await, world.game("@every 1h", &["Cats", "Dogs"]).await];
    let mut controller =
        world.controller(&[("BACKEND_LOBBY_SWEEPER_INTERVAL", "1s"), ("BACKEND_LOBBY_ABANDONED_TTL", "2d")]);
    for game_id in games {
        world.reaches(game_id, "running").await;
        world
            .game_sql(
                "UPDATE games SET approved_count = 0, started_at = now() - interval '9 days' WHERE game_id = $1",
                game_id,
            )
            .await;
    }
    let left = "UPDATE memberships SET status = 'left', ended_at = now() - interval '1 day' WHERE game_id = $1";
    world.game_sql(left, games[1]).await;
    let long_ago = "UPDATE memberships SET status = 'left', ended_at = now() - interval '3 days' WHERE game_id = $1";
    world.game_sql(long_ago, games[0]).await;
    world.reaches(games[0], "finished").await;
    assert_eq!(world.text("SELECT end_reason FROM games WHERE game_id = $1", games[0]).await, endings::ABANDONED);
    eventually(SOON, "its engine is gone", || async { world.engines(games[0]).is_empty() }).await;
    assert_eq!(world.status(games[1]).await, "running", "the other has a day more");
    controller.kill9();
}
