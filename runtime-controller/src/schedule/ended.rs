//! The reports of a game that was ended before its engine ended it.

use std::time::Duration;

use shared::db::{games, runtime};
use shared::ids::GameId;
use shared::queue::{Claim, WorkContext};

use super::tick::{Own, TickError};
use crate::engines::Engines;

/// An engine whose game was ended keeps its container for no longer by saying so, from one attempt to the next.
const LONGEST_WAIT: Duration = Duration::from_secs(60);

/// What became of the last reports of a game.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum LastReports {
    /// Those that may be kept are.
    Kept,
    /// Some are not, and will not be: why.
    LeftOut(String),
    /// The engine says "not now": why, and when it wants to be asked again.
    NotNow(String, Duration),
    /// Nobody's fault, and no attempt: why.
    PutOff(String),
}

impl Engines {
    /// Keeps the reports that the engine still has, before its container goes: whatever it answers, for as far as it answers. An
    /// engine that is away keeps them to itself. With `last` no further attempt follows.
    pub(crate) async fn keep_last_reports(
        &self,
        cx: &WorkContext,
        claim: &Claim,
        game_id: GameId,
        last: bool,
    ) -> LastReports {
        match self.keep_what_is_there(cx, claim, game_id, last).await {
            Ok(()) => LastReports::Kept,
            Err(error) => LastReports::of(error, last),
        }
    }

    async fn keep_what_is_there(
        &self,
        cx: &WorkContext,
        claim: &Claim,
        game_id: GameId,
        last: bool,
    ) -> Result<(), TickError> {
        let (target, races, record) = {
            let mut conn = self.db.acquire().await?;
            (
                runtime::target(&mut conn, game_id).await?,
                games::engine_races(&mut conn, game_id).await?,
                runtime::record(&mut conn, game_id).await?,
            )
        };
        let (Some(target), Some(record)) = (target, record) else { return Ok(()) };
        let own = Own { game_id, races: &races };
        let status = own.check(self.client.status(&target).await?)?;
        let turn = in_step(record.current_turn, status.turn).map_err(TickError::Final)?;
        match self.keep_reports(cx, claim, own, &target, turn, last).await {
            // It told its status: it is slow with its reports, not away.
            Err(TickError::Absent(reason)) => Err(TickError::Passing(reason)),
            kept => kept,
        }
    }
}

impl LastReports {
    fn of(error: TickError, last: bool) -> Self {
        let reason = error.to_string();
        match error {
            TickError::Away(_) | TickError::Crowded(_) => Self::PutOff(reason),
            TickError::Busy { after, .. } if !last => Self::NotNow(reason, after.min(LONGEST_WAIT)),
            TickError::Passing(_) if !last => Self::NotNow(reason, Duration::ZERO),
            _ => Self::LeftOut(reason),
        }
    }
}

/// The engine's turn, if it is the game's, or the one that was generated and not recorded. Any other is no turn of this game: an engine
/// does not decide how many reports it is asked for.
fn in_step(recorded: i32, told: i32) -> Result<i32, String> {
    if (recorded..=recorded.saturating_add(1)).contains(&told) {
        Ok(told)
    } else {
        Err(format!("the engine is at turn {told}, not at {recorded} or the next"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_engine_of_an_ended_game_is_asked_for_no_turn_that_the_game_did_not_reach() {
        assert_eq!((in_step(3, 3), in_step(3, 4)), (Ok(3), Ok(4)));
        for told in [0, 2, 5, i32::MAX] {
            assert!(in_step(3, told).is_err(), "{told}");
        }
        assert_eq!(in_step(i32::MAX, i32::MAX), Ok(i32::MAX));
    }

    #[test]
    fn what_keeps_the_last_reports_from_being_kept_is_told_apart() {
        let busy = || TickError::Busy { reason: "503".to_owned(), after: Duration::from_secs(70) };
        let away = || TickError::Away("no room".to_owned());
        assert_eq!(LastReports::of(busy(), false), LastReports::NotNow("503".to_owned(), LONGEST_WAIT));
        assert_eq!(LastReports::of(busy(), true), LastReports::LeftOut("503".to_owned()), "the game ends all the same");
        for last in [false, true] {
            assert_eq!(LastReports::of(away(), last), LastReports::PutOff("no room".to_owned()));
            let gone = TickError::Absent("refused".to_owned());
            assert_eq!(LastReports::of(gone, last), LastReports::LeftOut("refused".to_owned()), "it is not waited for");
        }
    }
}
