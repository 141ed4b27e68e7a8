//! Waiting timers are looked at again (SPEC §8): what a database clock set that was ahead for a moment is computed anew, and
//! nobody waits for the day that it was ahead by.

use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use shared::db::runtime::{self, WaitingTimer};
use shared::domain::schedule::{self, Schedule, ScheduleError, Timer};
use shared::ids::GameId;
use shared::queue::{Topic, Waker};
use shared::service::health::SchemaGate;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use crate::engines::Engines;

/// How often a page is looked at.
const PAUSE: Duration = Duration::from_secs(10);
/// Timers of one page, the furthest first; the next page is looked at in the next round.
const PAGE: i64 = 500;
/// What comes due sooner needs no mending.
const SOON: Duration = Duration::from_secs(15);
/// No attempt is put off for longer, whatever an engine asks for.
const LONGEST_RETRY: TimeDelta = TimeDelta::hours(1);

/// Looks at the timers of one daemon.
pub struct Mender {
    pub(crate) engines: Arc<Engines>,
    pub(crate) turn_spread: Duration,
    pub(crate) waker: Waker,
    pub(crate) gate: SchemaGate,
}

impl Mender {
    /// Looks until the process stops.
    ///
    /// # Errors
    /// None: a look that fails is logged, and the next one comes.
    pub async fn run(self, stop: CancellationToken) -> anyhow::Result<()> {
        let mut from = None;
        loop {
            tokio::select! {
                () = sleep(PAUSE.mul_f64(0.8 + 0.4 * self.engines.random.unit())) => {}
                () = stop.cancelled() => return Ok(()),
            }
            if !self.gate.is_open() {
                continue;
            }
            from = match self.page(from).await {
                Ok(next) => next,
                Err(error) => {
                    tracing::warn!(%error, "waiting timers could not be looked at");
                    None
                }
            };
        }
    }

    /// Where the next page begins; `None`: from the furthest again.
    async fn page(
        &self,
        from: Option<(DateTime<Utc>, GameId)>,
    ) -> Result<Option<(DateTime<Utc>, GameId)>, shared::db::Error> {
        let mut conn = self.engines.db.acquire().await?;
        let timers =
            runtime::waiting_timers(&mut conn, &self.engines.daemon_id, SOON.as_secs_f64(), from, PAGE).await?;
        let mut mended = false;
        for seen in &timers {
            // A schedule that says nothing is told of when its turn comes.
            let Ok(Some((timer, at))) = self.judge(seen) else { continue };
            if runtime::mend_timer(&mut conn, seen, timer, at).await? {
                mended = true;
                tracing::warn!(
                    game_id = %seen.game_id, was = %seen.scheduled_at, now = %timer.due,
                    "a turn was due beyond what its schedule says: the database's clock was ahead when it was set"
                );
            }
        }
        if mended {
            self.waker.wake(Topic::Turns);
        }
        let full = i64::try_from(timers.len()).is_ok_and(|seen| seen == PAGE);
        Ok(timers.last().filter(|_| full).map(|last| (last.next_attempt_at, last.game_id)))
    }

    fn judge(&self, seen: &WaitingTimer) -> Result<Option<(Timer, DateTime<Utc>)>, ScheduleError> {
        let timer = Timer { due: seen.scheduled_at, skipped: seen.skipped_at };
        if seen.retrying {
            return Ok((seen.next_attempt_at > seen.now + LONGEST_RETRY).then_some((timer, seen.now)));
        }
        let turns = Schedule::stored(&seen.turn_schedule, &seen.time_zone)?;
        let offset = schedule::offset(seen.game_id, self.turn_spread);
        let anew = turns.mended(timer, seen.now, offset)?;
        let timer = anew.unwrap_or(timer);
        // A forced turn is due, whatever the clock said when it was forced.
        let at = if seen.forced { seen.now } else { timer.due };
        Ok((anew.is_some() || at < seen.next_attempt_at).then_some((timer, at)))
    }
}
