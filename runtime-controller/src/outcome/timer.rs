//! A game's turns go on, or have no next time.

use shared::db::games::LockedGame;
use shared::db::runtime;
use shared::domain::game::PauseReason;
use shared::domain::notification::Payload;
use shared::domain::schedule::{self, Schedule, ScheduleError};
use shared::ids::GameId;
use shared::queue::Claim;
use sqlx::PgConnection;

use super::{Cause, Outcomes};

impl Outcomes {
    /// Sets the timer of a game that runs: by what was left when it came to rest, and by its schedule. Without a next turn the
    /// game is paused, and the administrators are told.
    pub(super) async fn go_on(
        &self,
        conn: &mut PgConnection,
        claim: Option<&Claim>,
        game_id: GameId,
        game: &LockedGame,
    ) -> Result<(), shared::db::Error> {
        let offset = schedule::offset(game_id, self.turn_spread);
        let set = match schedule_of(game) {
            Ok(turns) => runtime::resume_turns(conn, game_id, &self.daemon_id, &turns, offset, game.now).await?,
            Err(error) => Err(error),
        };
        match set {
            Ok(_) => Ok(()),
            Err(error) => self.ran_dry(conn, claim, game_id, game, &error).await,
        }
    }

    /// A turn was generated, and its schedule says no next one.
    pub(super) async fn no_next_turn(
        &self,
        conn: &mut PgConnection,
        claim: Option<&Claim>,
        game_id: GameId,
        game: &LockedGame,
    ) -> Result<(), shared::db::Error> {
        let error = schedule_of(game).err().unwrap_or(ScheduleError::Never);
        self.ran_dry(conn, claim, game_id, game, &error).await
    }

    async fn ran_dry(
        &self,
        conn: &mut PgConnection,
        claim: Option<&Claim>,
        game_id: GameId,
        game: &LockedGame,
        error: &ScheduleError,
    ) -> Result<(), shared::db::Error> {
        // A person has to set another schedule.
        let why = PauseReason::ScheduleEnded;
        let Some(key) = self.pause(conn, claim, game_id, game.current_turn, why).await? else { return Ok(()) };
        let reason = format!("no next turn: {error}; set another turn schedule, then resume the game");
        runtime::record_operation(conn, game_id, None, "turn", why.as_str(), Some(&reason)).await?;
        let turn = game.current_turn.unsigned_abs();
        self.tell(conn, claim.map(Cause::from), game_id, Payload::GameGenerationFailed { game_id, turn, reason }, key)
            .await
    }
}

fn schedule_of(game: &LockedGame) -> Result<Schedule, ScheduleError> {
    Schedule::stored(&game.turn_schedule, &game.time_zone)
}
