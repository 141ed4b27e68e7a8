//! One due turn: written down, generated, its next time found.

use shared::db::games;
use shared::db::runtime::{self, Begun, seen};
use shared::domain::game::GameStatus;
use shared::domain::runtime::{RuntimeStatus, TickPlan};
use shared::domain::schedule::{self, Schedule, ScheduleError, Timer};
use shared::engine_client::{EngineError, EngineStatus, EngineTarget};
use shared::ids::GameId;
use shared::queue::{Claim, Lost, WorkContext};
use std::time::Duration;

use super::{Turns, Work};
use crate::driver::DriverError;
use crate::engines::{ReviveError, probe_outcome};
use crate::lanes::Full;

/// Why a turn was not generated.
#[derive(Debug, thiserror::Error)]
pub(super) enum TickError {
    /// Daemon or database are away, a job has the engine, the row is not ours any more, or there is no room for an answer: no attempt is
    /// burned.
    #[error("{0}")]
    Away(String),
    /// The engine is not there.
    #[error("{0}")]
    Absent(String),
    /// It was brought back and is gone again, or could not be brought back. Its revivals are counted: their budget alone says when it is
    /// given up. No attempt is burned, or it would depend on who misses it first how the game ends.
    #[error("{0}")]
    Gone(String),
    /// The engine is there and could not; another attempt may help.
    #[error("{0}")]
    Passing(String),
    /// The same, and the engine says when it wants to be asked again.
    #[error("{reason}")]
    Busy {
        /// What it said.
        reason: String,
        /// Its `Retry-After`, an hour at most.
        after: Duration,
    },
    /// Its engine is slow, and too many others are: put off, no attempt burned.
    #[error(transparent)]
    Crowded(#[from] Full),
    /// Another attempt would end the same.
    #[error("{0}")]
    Final(String),
}

impl TickError {
    /// What the runtime is shown as when the turn is given up.
    pub(super) fn status(&self) -> RuntimeStatus {
        match self {
            Self::Away(_) | Self::Absent(_) | Self::Gone(_) | Self::Crowded(_) => RuntimeStatus::EngineUnreachable,
            Self::Passing(_) | Self::Busy { .. } | Self::Final(_) => RuntimeStatus::GenerationFailed,
        }
    }

    pub(super) fn word(&self) -> &'static str {
        match self {
            Self::Away(_) => "away",
            Self::Absent(_) | Self::Gone(_) => "unreachable",
            Self::Crowded(_) => "put_off",
            Self::Passing(_) | Self::Busy { .. } | Self::Final(_) => "failed",
        }
    }
}

impl From<EngineError> for TickError {
    fn from(error: EngineError) -> Self {
        if matches!(error, EngineError::NoRoom) {
            // Others say too much at once: nothing that this engine did.
            Self::Away(error.to_string())
        } else if error.is_absence() || error.is_elsewhere() {
            Self::Absent(error.to_string())
        } else if error.is_passing() {
            match error.retry_after() {
                Some(after) => Self::Busy { reason: error.to_string(), after },
                None => Self::Passing(error.to_string()),
            }
        } else {
            Self::Final(error.to_string())
        }
    }
}

impl From<ReviveError> for TickError {
    fn from(error: ReviveError) -> Self {
        match error {
            ReviveError::Database(error) => error.into(),
            // Gone again: it is brought back after a pause, or given up and its game paused. No turn is to blame.
            ReviveError::Driver(DriverError::Unavailable(_)) | ReviveError::Waiting(_) => Self::Away(error.to_string()),
            error => Self::Absent(error.to_string()),
        }
    }
}

impl From<shared::db::Error> for TickError {
    fn from(error: shared::db::Error) -> Self {
        if error.is_unavailable() { Self::Away(error.to_string()) } else { Self::Passing(error.to_string()) }
    }
}

impl From<Lost> for TickError {
    fn from(lost: Lost) -> Self {
        Self::Away(lost.to_string())
    }
}

/// Whose engine is asked, and which races are in it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Own<'a> {
    pub(super) game_id: GameId,
    pub(super) races: &'a [String],
}

impl Own<'_> {
    pub(super) fn check(self, status: EngineStatus) -> Result<EngineStatus, EngineError> {
        status.of(self.game_id, self.races)
    }
}

impl Turns {
    /// The engine's status after the turn; `None` where the game does not run. `last`: no further attempt follows, so that
    /// a finished game ends even if its engine keeps a report to itself.
    pub(super) async fn tick(
        &self,
        cx: &WorkContext,
        claim: &Claim,
        work: &Work,
        last: bool,
    ) -> Result<Option<EngineStatus>, TickError> {
        let game_id = work.row.game_id;
        if work.row.game_status != GameStatus::Running {
            return Ok(None);
        }
        let expected = match self.begin(cx, claim, game_id).await? {
            Begun::Turn(expected) => expected,
            Begun::Resting => return Ok(None),
            // A job has the engine, and gives it back or pauses the game: the turn waits, and burns no attempt.
            Begun::Held(RuntimeStatus::Starting) => {
                return Err(TickError::Away("the engine is being replaced".to_owned()));
            }
            Begun::Held(status) => {
                return Err(TickError::Final(format!("the game runs but its runtime is {status}")));
            }
        };
        if work.row.expected_turn.is_none() && !work.row.forced {
            self.engines.metrics.late((work.now() - work.row.scheduled_at).to_std().unwrap_or_default());
        }
        let (target, races) = {
            let mut conn = self.engines.db.acquire().await?;
            (runtime::target(&mut conn, game_id).await?, games::engine_races(&mut conn, game_id).await?)
        };
        let own = Own { game_id, races: &races };
        let (target, status) = match target {
            Some(target) => {
                let generated = self.generate(&target, expected, own).await;
                let away = match &generated {
                    // Nobody there: it may have died with a host, a daemon, a controller, and be back with another token since we asked
                    // for its own.
                    Err(error) if error.is_elsewhere() => true,
                    // A dead container's address answers as a silent engine does, until it is seen and forgotten: while the daemon is away
                    // nobody sees it.
                    Err(EngineError::Timeout) => !self.engines.runs(game_id).await?,
                    _ => false,
                };
                // Bring it back, once, and look again.
                if away {
                    tracing::info!(%game_id, error = ?generated.err(), "the engine is away: looking after it");
                    self.bring_back(expected, own).await?
                } else {
                    (target, generated?)
                }
            }
            None => self.bring_back(expected, own).await?,
        };
        if TickPlan::new(expected, status.turn, status.finished) != TickPlan::Record {
            return Err(TickError::Final(format!(
                "the engine is at turn {}, not at {expected} or the next",
                status.turn
            )));
        }
        if status.finished {
            self.engines.keep_reports(cx, claim, own, &target, status.turn, last).await?;
        }
        Ok(Some(status))
    }

    /// Writes down which turn is being closed, and shows it: from here on orders are refused.
    async fn begin(&self, cx: &WorkContext, claim: &Claim, game_id: GameId) -> Result<Begun, TickError> {
        let mut tx = self.engines.db.begin().await?;
        // The game's lock before the timer's: the order that everybody takes.
        games::lock(&mut tx, game_id).await?;
        cx.hold(&mut tx, claim).await?;
        let begun = runtime::begin_generation(&mut tx, game_id).await?;
        tx.commit().await?;
        Ok(begun)
    }

    /// Brings the engine back, and asks for the turn.
    async fn bring_back(&self, expected: i32, own: Own<'_>) -> Result<(EngineTarget, EngineStatus), TickError> {
        let before = self.revivals(own.game_id).await?;
        let asked = async {
            let target = self.engines.revive(own.game_id).await?;
            let status = self.generate(&target, expected, own).await?;
            Ok::<_, TickError>((target, status))
        };
        match asked.await {
            Err(TickError::Absent(reason)) => {
                let counted = self.revivals(own.game_id).await? > before || self.has_ended(own.game_id).await?;
                Err(if counted { TickError::Gone(reason) } else { TickError::Absent(reason) })
            }
            asked => asked,
        }
    }

    /// Whether an engine that does not answer has ended. Whoever called it knows of its end before the daemon says so.
    async fn has_ended(&self, game_id: GameId) -> Result<bool, TickError> {
        for _ in 0..8 {
            if !self.engines.runs(game_id).await? {
                return Ok(true);
            }
            tokio::time::sleep(Duration::from_millis(250)).await;
        }
        Ok(false)
    }

    /// How often the engine was brought back since it was well, whoever did it.
    async fn revivals(&self, game_id: GameId) -> Result<i32, TickError> {
        Ok(seen::revivals(&mut *self.engines.db.acquire().await?, game_id).await?)
    }

    /// Asks for the turn, unless the engine has generated it already: a late answer, or a crash after the call.
    async fn generate(&self, target: &EngineTarget, expected: i32, own: Own<'_>) -> Result<EngineStatus, EngineError> {
        let client = &self.engines.client;
        let before = match client.status(target).await.and_then(|status| own.check(status)) {
            Ok(before) => before,
            Err(error) => {
                self.engines.metrics.probe(probe_outcome(&error));
                return Err(error);
            }
        };
        self.engines.metrics.probe("healthy");
        match TickPlan::new(expected, before.turn, before.finished) {
            TickPlan::Generate => client.turn(target, expected).await.and_then(|status| own.check(status)),
            TickPlan::Record | TickPlan::Mismatch => Ok(before),
        }
    }

    /// The next turn's time. One that was forced takes the scheduled one's place.
    pub(super) fn next_turn(&self, work: &Work) -> Result<Timer, ScheduleError> {
        let row = &work.row;
        let turns = Schedule::stored(&row.turn_schedule, &row.time_zone)?;
        let timer = Timer { due: row.scheduled_at, skipped: row.skipped_at };
        let offset = schedule::offset(row.game_id, self.outcomes.turn_spread);
        turns.after_turn(timer, row.forced, (row.now, work.now()), offset)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_that_there_is_no_room_for_burns_no_attempt() {
        assert!(matches!(TickError::from(EngineError::NoRoom), TickError::Away(_)));
        assert!(matches!(TickError::from(EngineError::Timeout), TickError::Absent(_)));
    }
}
