//! What the reconciler tells the lobby: an engine that is given up, or silent for long, pauses its game; one that is well again
//! lets it go on. Each looks once more under the game's lock.

use chrono::TimeDelta;
use shared::db::games::{self, LockedGame};
use shared::db::notifications::{NewNotification, produce};
use shared::db::runtime::seen::Unserved;
use shared::db::runtime::{self, seen};
use shared::domain::excerpt::{SHORT, excerpt};
use shared::domain::game::{GameStatus, PauseReason};
use shared::domain::notification::{Audience, Payload, TurnName, resume_key};
use shared::domain::runtime::{Health, RuntimeStatus};
use shared::ids::GameId;
use sqlx::PgConnection;

use super::Outcomes;

impl Outcomes {
    /// The engine of a running game is given up: runtime `removed`, game paused and told. `false` where it is another's by now, or was
    /// brought back meanwhile.
    pub async fn engine_given_up(
        &self,
        conn: &mut PgConnection,
        game_id: GameId,
        budget: i32,
        why: &str,
    ) -> Result<bool, shared::db::Error> {
        let Some(game) = self.lock_running(conn, game_id).await? else { return Ok(false) };
        let Some(record) = runtime::record(conn, game_id).await? else { return Ok(false) };
        // Without a job nobody brings back what is none of these; else the budget must still be spent.
        let idle = matches!(record.status, RuntimeStatus::Starting | RuntimeStatus::Stopped | RuntimeStatus::Removed);
        if !idle && seen::revivals(conn, game_id).await? < budget {
            return Ok(false);
        }
        runtime::record_containerless(conn, game_id, RuntimeStatus::Removed).await?;
        runtime::park_turn(conn, game_id).await?;
        runtime::record_operation(conn, game_id, None, "lost", "removed", Some(why)).await?;
        self.pause_and_tell(conn, game_id, &game, why).await
    }

    /// The engine of a running game has not answered, or could not be made, for long: the game is paused and told, the container stays.
    /// `false` where it is well again, or generates a turn.
    pub async fn engine_silent(
        &self,
        conn: &mut PgConnection,
        game_id: GameId,
        why: &str,
    ) -> Result<bool, shared::db::Error> {
        use RuntimeStatus as S;
        let Some(game) = self.lock_running(conn, game_id).await? else { return Ok(false) };
        let Some(record) = runtime::record(conn, game_id).await? else { return Ok(false) };
        // One that has an address is silent; one that has none could not be made, whatever its turn is at.
        let lost = match (&record.endpoint, record.status) {
            (Some(_), S::Running) => record.health == Health::Unhealthy,
            // Whoever generates its turn is bringing it back just now, and says what came of it.
            (None, S::Running | S::GenerationInProgress | S::EngineUnreachable | S::GenerationFailed) => {
                !runtime::is_generating(conn, game_id).await?
            }
            _ => false,
        };
        if !lost {
            return Ok(false);
        }
        runtime::set_record_status(conn, game_id, RuntimeStatus::EngineUnreachable).await?;
        runtime::park_turn(conn, game_id).await?;
        runtime::record_operation(conn, game_id, None, "lost", "engine_unreachable", Some(why)).await?;
        self.pause_and_tell(conn, game_id, &game, why).await
    }

    /// The engine answers again, at the turn where it should be: the game goes on, where it was paused for nothing else, and not longer
    /// than `within` ago. Answers whether it does.
    pub async fn engine_well_again(
        &self,
        conn: &mut PgConnection,
        game_id: GameId,
        within: TimeDelta,
    ) -> Result<bool, shared::db::Error> {
        let Some(game) = games::lock(conn, game_id).await? else { return Ok(false) };
        let Some(record) = runtime::record(conn, game_id).await? else { return Ok(false) };
        if game.status != GameStatus::Paused
            || game.pause_reason != Some(PauseReason::EngineUnreachable)
            || record.status != RuntimeStatus::EngineUnreachable
        {
            return Ok(false);
        }
        let Some(pauses) = games::goes_on(conn, game_id, within).await? else { return Ok(false) };
        runtime::set_record_status(conn, game_id, RuntimeStatus::Running).await?;
        runtime::record_operation(conn, game_id, None, "resume", "ok", Some("its engine answers again")).await?;
        let turn = game.current_turn.unsigned_abs();
        let key = resume_key(game_id, TurnName { turn, accepted: game.accepted_turns }, pauses);
        self.tell(conn, None, game_id, Payload::GameResumed { game_id, turn }, key).await?;
        // Last: where its schedule says no next turn, it is paused again, and that is told after this.
        self.go_on(conn, None, game_id, &game).await?;
        Ok(true)
    }

    /// Tells the administrators that nobody serves a daemon, once for each time that it is so. Answers whether it was news.
    pub async fn unserved(&self, conn: &mut PgConnection, daemon: &Unserved) -> Result<bool, shared::db::Error> {
        let Unserved { daemon_id, since, games, .. } = daemon;
        let games = u32::try_from(*games).unwrap_or(u32::MAX);
        let new = NewNotification {
            payload: Payload::RuntimeDaemonUnserved { daemon_id: daemon_id.clone(), games, since: *since },
            idempotency_key: format!("unserved:{daemon_id}:{}", since.timestamp_micros()),
            audience: Audience::Administrators,
            game_id: None,
            request_id: None,
            traceparent: None,
        };
        produce(conn, new).await
    }

    /// The game under its lock, if it runs and no job is at work on it.
    async fn lock_running(
        &self,
        conn: &mut PgConnection,
        game_id: GameId,
    ) -> Result<Option<LockedGame>, shared::db::Error> {
        let game = games::lock(conn, game_id).await?.filter(|game| game.status == GameStatus::Running);
        if game.is_none() || runtime::has_active_job(conn, game_id).await? {
            return Ok(None);
        }
        Ok(game)
    }

    async fn pause_and_tell(
        &self,
        conn: &mut PgConnection,
        game_id: GameId,
        game: &LockedGame,
        why: &str,
    ) -> Result<bool, shared::db::Error> {
        let turn = game.current_turn;
        let Some(key) = self.pause(conn, None, game_id, turn, PauseReason::EngineUnreachable).await? else {
            return Ok(false);
        };
        let turn = turn.unsigned_abs();
        let reason = excerpt(&format!("the engine is lost: {why}"), SHORT);
        let payload = Payload::GameGenerationFailed { game_id, turn, reason };
        self.tell(conn, None, game_id, payload, key).await?;
        Ok(true)
    }
}
