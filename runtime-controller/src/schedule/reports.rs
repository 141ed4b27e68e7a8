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
use tokio::time::Instant;

use super::tick::{Own, TickError};
use crate::engines::Engines;

/// The most reports that are kept of one game: ten races of a daily game for almost three years.
const MOST: i64 = 10_000;
/// The most bytes that one game's reports take.
const MOST_BYTES: i64 = 256 << 20;
/// After so many reports in a row that nobody answered for, the engine is not asked for more in this attempt.
const SILENCE: u32 = 3;
/// One attempt asks for no longer than this; the next goes on where it stopped.
const LONGEST: Duration = Duration::from_secs(5 * 60);
/// The games whose reports are being kept at a time, in this process: each holds one report in memory.
static KEEPING: Semaphore = Semaphore::const_new(4);

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
    fn note(&mut self, race: &str, turn: i32, reason: &str) {
        self.count += 1;
        self.first.get_or_insert_with(|| format!("{race}, turn {turn}: {reason}"));
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
        let _one_of_few = KEEPING.acquire().await.map_err(|error| TickError::Away(error.to_string()))?;
        let started = Instant::now();
        let mut left_out = LeftOut::default();
        let (mut count, mut bytes, mut missing) = {
            let mut conn = self.db.acquire().await?;
            let (count, bytes) = runtime::kept_size(&mut conn, game_id).await?;
            let mut missing = Vec::new();
            for race in own.races {
                let kept: HashSet<i32> = runtime::kept_turns(&mut conn, game_id, race).await?.into_iter().collect();
                missing.extend((0..=turn).filter(|turn| !kept.contains(turn)).map(|turn| (turn, race.as_str())));
            }
            (count, bytes, missing)
        };
        missing.sort_by_key(|(turn, _)| std::cmp::Reverse(*turn));
        let mut silent = 0;
        for (turn, race) in missing {
            if count >= MOST || bytes >= MOST_BYTES {
                left_out.note(race, turn, "the game has as many reports as a game may have");
                continue;
            }
            if silent >= SILENCE || started.elapsed() >= LONGEST {
                left_out.note(race, turn, "the engine takes too long");
                left_out.passing.get_or_insert(EngineError::Timeout);
                continue;
            }
            match self.client.report(target, race, turn).await {
                Ok(report) => {
                    silent = 0;
                    count += 1;
                    bytes += i64::try_from(report.get().len()).unwrap_or(i64::MAX);
                    self.keep(cx, claim, game_id, race, turn, &report).await?;
                }
                // A race that came late or fell early has no report of that turn.
                Err(EngineError::Problem { status: 404, .. }) => silent = 0,
                Err(error) => {
                    silent = if error.is_absence() { silent + 1 } else { 0 };
                    left_out.note(race, turn, &error.to_string());
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
