//! Before a finished game's container goes, its reports are kept: every race's, every turn's (SPEC §9). One after the other, so that no
//! engine decides how much memory that takes; within bounds, so that none decides how much of the database. What cannot be kept is left
//! out and noted, and the game ends all the same. `docs/engine-answers.md` has the table.

use std::collections::HashSet;
use std::time::Duration;

use serde_json::value::RawValue;
use shared::db::runtime;
use shared::engine_client::{EngineError, EngineTarget};
use shared::ids::GameId;
use shared::queue::{Claim, WorkContext};
use tokio::sync::Semaphore;
use tokio::time::{Instant, timeout};

use super::tick::{Own, TickError};
use crate::engines::Engines;
use crate::lanes::Full;

/// The most reports that are kept of one game: ten races of a daily game for almost three years.
const MOST: i64 = 10_000;
/// The most bytes that one game's reports take.
const MOST_BYTES: i64 = 256 << 20;
/// After so many reports in a row that nobody answered for, the engine is not asked for more in this attempt.
const SILENCE: u32 = 3;
/// One attempt asks for no longer than this; the next goes on where it stopped.
const LONGEST: Duration = Duration::from_secs(5 * 60);
/// The reports that are being fetched and written at a time, in this process: each is in memory.
static KEEPING: Semaphore = Semaphore::const_new(4);
/// A report waits so many limits of a read for its place, which is time for those before it to be answered, and never longer than that.
/// Then the game is put off: whoever holds the places, it is not this game.
const PATIENCE: u32 = 2;
const MOST_PATIENCE: Duration = Duration::from_secs(30);

/// What was left out in one attempt.
#[derive(Default)]
struct LeftOut {
    count: u64,
    /// The first one, with the reason.
    first: Option<String>,
    /// Another attempt may bring them.
    passing: Option<EngineError>,
}

impl LeftOut {
    fn note(&mut self, count: u64, race: &str, turn: i32, reason: &str) {
        self.count += count;
        self.first.get_or_insert_with(|| format!("{race}, turn {turn}: {reason}"));
    }
}

/// The reports that are still to be kept, the last turn first. How many there are is the engine's to say: they are counted, not listed.
struct Missing<'a> {
    /// Each race with the turns that are kept of it.
    kept: Vec<(&'a str, HashSet<i32>)>,
    turn: i32,
    race: usize,
}

impl<'a> Missing<'a> {
    fn new(kept: Vec<(&'a str, HashSet<i32>)>, last: i32) -> Self {
        Self { kept, turn: last, race: 0 }
    }

    /// How many are still to come.
    fn left(&self) -> u64 {
        let (turn, race) = (self.turn, self.race);
        let of = |(at, (_, kept)): (usize, &(&str, HashSet<i32>))| {
            let last = if at < race { turn.saturating_sub(1) } else { turn };
            let kept = kept.iter().filter(|turn| (0..=last).contains(*turn)).count();
            u64::try_from(i64::from(last) + 1).unwrap_or(0).saturating_sub(u64::try_from(kept).unwrap_or(u64::MAX))
        };
        self.kept.iter().enumerate().map(of).sum()
    }
}

impl<'a> Iterator for Missing<'a> {
    type Item = (&'a str, i32);

    fn next(&mut self) -> Option<Self::Item> {
        while self.turn >= 0 {
            let Some((race, kept)) = self.kept.get(self.race) else {
                if self.kept.is_empty() {
                    return None;
                }
                (self.turn, self.race) = (self.turn - 1, 0);
                continue;
            };
            self.race += 1;
            if !kept.contains(&self.turn) {
                return Some((*race, self.turn));
            }
        }
        None
    }
}

impl Engines {
    /// Fetches and keeps what is not kept yet, the last turn first: an attempt after a crash goes on where the last one was. With
    /// `last` no further attempt follows, and what is missing then stays so.
    pub(super) async fn keep_reports(
        &self,
        cx: &WorkContext,
        claim: &Claim,
        own: Own<'_>,
        target: &EngineTarget,
        turn: i32,
        last: bool,
    ) -> Result<(), TickError> {
        let game_id = own.game_id;
        let started = Instant::now();
        let mut asked = Duration::ZERO;
        let mut left_out = LeftOut::default();
        let (mut count, mut bytes, mut missing) = {
            let mut conn = self.db.acquire().await?;
            let (count, bytes) = runtime::kept_size(&mut conn, game_id).await?;
            let mut kept = Vec::new();
            for race in own.races {
                let turns: HashSet<i32> = runtime::kept_turns(&mut conn, game_id, race).await?.into_iter().collect();
                kept.push((race.as_str(), turns));
            }
            (count, bytes, Missing::new(kept, turn))
        };
        let (mut silent, mut fetched) = (0, 0_u32);
        while let Some((race, turn)) = missing.next() {
            if count >= MOST || bytes >= MOST_BYTES {
                left_out.note(1 + missing.left(), race, turn, "the game has as many reports as a game may have");
                break;
            }
            if silent >= SILENCE || asked >= LONGEST {
                left_out.note(1 + missing.left(), race, turn, "the engine takes too long");
                left_out.passing.get_or_insert(EngineError::Timeout);
                break;
            }
            let patience = self.client.timeouts().probe.saturating_mul(PATIENCE).min(MOST_PATIENCE);
            let in_time = started.elapsed() < LONGEST;
            let place = if in_time { timeout(patience, KEEPING.acquire()).await.ok() } else { None };
            let Some(Ok(_place)) = place else {
                // What it waited for others is not its fault; that it took their time and brought nothing is.
                if fetched == 0 && asked >= LONGEST / 10 {
                    left_out.note(1 + missing.left(), race, turn, "the engine takes too long");
                    left_out.passing.get_or_insert(EngineError::Timeout);
                    break;
                }
                return Err(TickError::Crowded(Full));
            };
            let asking = Instant::now();
            let answered = self.client.report(target, race, turn).await;
            asked += asking.elapsed();
            match answered {
                Ok(report) => {
                    silent = 0;
                    fetched += 1;
                    count += 1;
                    bytes += i64::try_from(report.get().len()).unwrap_or(i64::MAX);
                    self.keep(cx, claim, game_id, race, turn, &report).await?;
                }
                // A race that came late or fell early has no report of that turn.
                Err(EngineError::Problem { status: 404, .. }) => silent = 0,
                // Others say too much just now: nothing against this engine.
                Err(error @ EngineError::NoRoom) => return Err(error.into()),
                Err(error) => {
                    silent = if error.is_absence() { silent + 1 } else { 0 };
                    left_out.note(1, race, turn, &error.to_string());
                    if error.is_passing() {
                        left_out.passing.get_or_insert(error);
                    }
                }
            }
        }
        match left_out.passing {
            Some(error) if !last => Err(error.into()),
            _ => self.note_left_out(cx, claim, game_id, left_out).await,
        }
    }

    async fn keep(
        &self,
        cx: &WorkContext,
        claim: &Claim,
        game_id: GameId,
        race: &str,
        turn: i32,
        report: &RawValue,
    ) -> Result<(), TickError> {
        let mut tx = self.db.begin().await?;
        cx.hold(&mut tx, claim).await?;
        runtime::keep_report(&mut tx, game_id, race, turn, report).await?;
        tx.commit().await?;
        Ok(())
    }

    /// The operations log says what a finished game lacks.
    async fn note_left_out(
        &self,
        cx: &WorkContext,
        claim: &Claim,
        game_id: GameId,
        left_out: LeftOut,
    ) -> Result<(), TickError> {
        let Some(first) = left_out.first else { return Ok(()) };
        let detail = format!("{} left out, the first: {first}", left_out.count);
        tracing::error!(%game_id, reports = left_out.count, "a finished game ends without all of its reports");
        let mut tx = self.db.begin().await?;
        cx.hold(&mut tx, claim).await?;
        runtime::record_operation(&mut tx, game_id, None, "reports", "left_out", Some(&detail)).await?;
        tx.commit().await?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_missing_comes_one_by_one_the_last_turn_first_and_is_counted_without_a_list() {
        let kept = || vec![("Ants", HashSet::from([1, 3, 9])), ("Bees", HashSet::from([2]))];
        let mut missing = Missing::new(kept(), 3);
        let mut seen = Vec::new();
        for left in (0..5).rev() {
            assert_eq!(missing.left(), left + 1);
            seen.extend(missing.next());
            assert_eq!(missing.left(), left);
        }
        assert_eq!(seen, [("Bees", 3), ("Ants", 2), ("Bees", 1), ("Ants", 0), ("Bees", 0)]);
        assert_eq!((missing.next(), missing.left()), (None, 0));
        // An engine may say any turn: some fifty gigabytes, were they listed.
        let mut missing = Missing::new(kept(), i32::MAX);
        assert_eq!(missing.left(), 2 * ((1_u64 << 31) - 2));
        assert_eq!(missing.next(), Some(("Ants", i32::MAX)));
        assert_eq!(Missing::new(Vec::new(), i32::MAX).next(), None);
    }
}
