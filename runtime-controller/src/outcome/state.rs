//! What a state directory that is too large means for its game (SPEC §8).

use shared::db::games;
use shared::db::runtime::{self, amends};
use shared::domain::game::{GameStatus, PauseReason};
use shared::domain::notification::Payload;
use shared::domain::runtime::{JobKind, RuntimeStatus, StartFailure};
use shared::ids::GameId;
use sqlx::PgConnection;

use super::{Cause, Locked, Outcomes};

/// A state directory over its limit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StateSize {
    /// What it holds and may hold, for the administrators.
    pub reason: String,
    /// Whether it is so much over that its engine is not to go on writing.
    pub far_over: bool,
}

impl Outcomes {
    /// A running game is paused, and its members and the administrators are told. The engine of a paused one, which can still
    /// write, is stopped where it is far over. A start fails. Answers whether anything was done.
    pub async fn on_state_size(
        &self,
        conn: &mut PgConnection,
        game_id: GameId,
        size: &StateSize,
    ) -> Result<bool, shared::db::Error> {
        let Some(game) = games::lock(conn, game_id).await? else { return Ok(false) };
        let turn = game.current_turn.unsigned_abs();
        let reason = size.reason.clone();
        if let Some(key) = self.pause(conn, None, game_id, game.current_turn, PauseReason::StateLimit).await? {
            // A generation that is under way is let end, and counts.
            runtime::park_turn(conn, game_id).await?;
            runtime::record_operation(conn, game_id, None, "state", "over_limit", Some(&reason)).await?;
            self.tell(conn, None, game_id, Payload::GameGenerationFailed { game_id, turn, reason }, key).await?;
            return Ok(true);
        }
        match game.status {
            GameStatus::Starting => {
                return self.over_at_start(conn, game_id, &Locked::Read(Box::new(game)), size).await;
            }
            GameStatus::Paused if size.far_over => {}
            // Its engine was to go with its start, and goes on writing.
            GameStatus::StartFailed => {}
            _ => return Ok(false),
        }
        // Where a job is at work already, the next pass looks again.
        let Some(job_id) = runtime::enqueue_stop(conn, game_id, None, None).await? else { return Ok(false) };
        let reason = format!("{reason}; its engine is stopped");
        let stopped = RuntimeStatus::Stopped.as_str();
        runtime::record_operation(conn, game_id, Some(job_id.uuid()), "state", stopped, Some(&reason)).await?;
        if game.status == GameStatus::StartFailed {
            // That its start failed was told.
            return Ok(true);
        }
        let key = format!("state:{game_id}:{job_id}");
        self.tell(conn, None, game_id, Payload::GameGenerationFailed { game_id, turn, reason }, key).await?;
        Ok(true)
    }

    /// The start is given up, as one that can never be: its engine is not waited for, and its container goes by a job. Whoever works the
    /// start is not heard any more.
    async fn over_at_start(
        &self,
        conn: &mut PgConnection,
        game_id: GameId,
        game: &Locked,
        size: &StateSize,
    ) -> Result<bool, shared::db::Error> {
        // One that just ends, or is just claimed, is looked at by the next pass.
        let Some(job) = amends::lock_active_job(conn, game_id).await? else { return Ok(false) };
        if job.kind != JobKind::Start.as_str() {
            return Ok(false);
        }
        let failure = StartFailure::ConfigInvalid { reason: size.reason.clone() };
        let (job_id, reason) = (job.job_id, format!("{}: {}", failure.word(), size.reason));
        amends::cancel_job(conn, job_id, &reason).await?;
        self.log_job(conn, game_id, job_id.uuid(), &job.kind, failure.word(), Some(&reason)).await?;
        let cause = Cause { id: job_id.uuid(), request_id: None, traceparent: None };
        self.start_failed(conn, cause, game_id, game, &failure, false).await?;
        Ok(true)
    }
}
