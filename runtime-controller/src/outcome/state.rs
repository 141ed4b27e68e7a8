//! What a state directory that is too large means for its game (SPEC §8).

use shared::db::{games, runtime};
use shared::domain::game::{GameStatus, PauseReason};
use shared::domain::notification::Payload;
use shared::ids::GameId;
use sqlx::PgConnection;

use super::Outcomes;

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
    /// write, is stopped where it is far over. Answers whether anything was done.
    ///
    /// # Errors
    /// Those of the database.
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
        if !size.far_over || game.status != GameStatus::Paused {
            return Ok(false);
        }
        // Where a job is at work already, the next pass looks again.
        let Some(job_id) = runtime::enqueue_stop(conn, game_id, None, None).await? else { return Ok(false) };
        let reason = format!("{reason}; its engine is stopped");
        runtime::record_operation(conn, game_id, Some(job_id.uuid()), "state", "stopped", Some(&reason)).await?;
        let key = format!("state:{game_id}:{job_id}");
        self.tell(conn, None, game_id, Payload::GameGenerationFailed { game_id, turn, reason }, key).await?;
        Ok(true)
    }
}
