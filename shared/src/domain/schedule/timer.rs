//! A game's turn timer as a rule: what is due after a turn, after a rest, after a wrong clock. Pure; `runtime_turns` keeps it.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};

use super::{Kind, Schedule, ScheduleError, add, within};

/// The longest time for orders that a turn is put off for.
const WINDOW: TimeDelta = TimeDelta::seconds(60);
/// How far a due time may lie beyond what the schedule says, before the clock is thought to have been wrong.
const SLACK: TimeDelta = TimeDelta::seconds(5);

/// When a game's next turn is due.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timer {
    /// The next turn.
    pub due: DateTime<Utc>,
    /// A due time before it that does not count, as a forced turn took its place. Forcing once more skips no further one.
    pub skipped: Option<DateTime<Utc>>,
}

impl Timer {
    /// A timer that skips nothing.
    #[must_use]
    pub const fn at(due: DateTime<Utc>) -> Self {
        Self { due, skipped: None }
    }
}

/// A timer that came to rest: the game was paused, stopped, or its turn was given up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rested {
    /// As it stood.
    pub timer: Timer,
    /// Since when it rests.
    pub since: DateTime<Utc>,
    /// The turn was begun and given up: it is still owed.
    pub owed: bool,
}

impl Schedule {
    /// The timer after a turn whose generation began and ended then. A forced turn takes the place of the next scheduled one, once
    /// however often it is forced before that. Players have a window for their orders: half an interval, a minute at most.
    ///
    /// # Errors
    /// [`ScheduleError::Never`] where no further turn comes.
    pub fn after_turn(
        &self,
        timer: Timer,
        forced: bool,
        (began, now): (DateTime<Utc>, DateTime<Utc>),
        offset: Duration,
    ) -> Result<Timer, ScheduleError> {
        let timer = self.mended(timer, now, offset)?.unwrap_or(timer);
        // Forced before, and the tick that is skipped for it was still to come: it is skipped for this one too.
        let before = timer.skipped.filter(|skipped| *skipped > began);
        let skipped = if forced { before.or(Some(timer.due)) } else { before }.filter(|skipped| *skipped > now);
        let stays = forced && before.is_some() && timer.due > now;
        let due = if stays { timer.due } else { self.next(timer.due, now, offset)? };
        Ok(Timer { due: due.max(add(now, self.window(due, offset)?)?), skipped })
    }

    /// The timer of a game that goes on at `now` after a rest. `@every` keeps the time that was left, cron fields say what comes
    /// next; a turn that was due already, or begun, is due at once, as one that was missed.
    ///
    /// # Errors
    /// [`ScheduleError::Never`] where no further turn comes.
    pub fn resumed(&self, rested: Rested, now: DateTime<Utc>, offset: Duration) -> Result<Timer, ScheduleError> {
        let Rested { timer, since, owed } = rested;
        if owed || timer.due <= since {
            return Ok(Timer::at(now));
        }
        match &self.0 {
            Kind::Every(interval) => {
                let skipped = timer.skipped.filter(|skipped| *skipped > since && *skipped < timer.due);
                let most = if skipped.is_some() { *interval * 2 } else { *interval };
                let left = timer.due - since;
                // The schedule may have been changed meanwhile, to a shorter one.
                if left > add_delta(most, within(offset, *interval))? {
                    return Ok(Timer::at(add(now, *interval)?));
                }
                let skipped = skipped.map(|skipped| add(now, skipped - since)).transpose()?;
                Ok(Timer { due: add(now, left)?, skipped })
            }
            Kind::Cron(_) => {
                let first = self.first(now, offset)?;
                if timer.skipped.is_some_and(|skipped| is_tick(skipped, first)) {
                    return Ok(Timer { due: self.next(first, first, offset)?, skipped: timer.skipped });
                }
                // It was put off for the players' orders, and still is.
                if timer.due > now && timer.due < add(first, WINDOW)? {
                    return Ok(Timer { skipped: timer.skipped.filter(|skipped| *skipped > now), ..timer });
                }
                Ok(Timer::at(first))
            }
        }
    }

    /// The timer anew, where it lies beyond anything that the schedule says from `now`: it was set by a clock that was ahead.
    ///
    /// # Errors
    /// [`ScheduleError::Never`] where no further turn comes.
    pub fn mended(&self, timer: Timer, now: DateTime<Utc>, offset: Duration) -> Result<Option<Timer>, ScheduleError> {
        if timer.due <= now {
            return Ok(None);
        }
        let (latest, window, anew) = match &self.0 {
            Kind::Every(interval) => {
                let one = add(now, *interval)?;
                // A first turn has the game's offset beside its interval.
                let latest = add(one, within(offset, *interval))?;
                let skips = timer.skipped.is_some_and(|skipped| skipped > now && skipped <= latest);
                (if skips { add(latest, *interval)? } else { latest }, (*interval / 2).min(WINDOW), one)
            }
            Kind::Cron(_) => {
                let first = self.first(now, offset)?;
                let skips = timer.skipped.is_some_and(|skipped| is_tick(skipped, first));
                (if skips { self.next(first, first, offset)? } else { first }, WINDOW, first)
            }
        };
        Ok((timer.due > add(latest, window + SLACK)?).then(|| Timer::at(anew)))
    }

    /// How long after a generation the turn that is due at `next` comes at the earliest.
    fn window(&self, next: DateTime<Utc>, offset: Duration) -> Result<TimeDelta, ScheduleError> {
        let interval = match &self.0 {
            Kind::Every(interval) => *interval,
            Kind::Cron(_) => {
                // The shorter of the distances to its neighbours: an interval beside a night is not a night. Beyond two windows
                // none matters.
                let mut shortest = self.next(next, next, offset).map_or(WINDOW * 2, |after| after - next);
                let mut at = add(next, -(WINDOW * 2))?;
                while at < next {
                    shortest = shortest.min(next - at);
                    at = self.next(at, at, offset)?;
                }
                shortest
            }
        };
        Ok((interval / 2).min(WINDOW))
    }
}

/// Whether a due time is this tick of the schedule, perhaps put off.
fn is_tick(due: DateTime<Utc>, tick: DateTime<Utc>) -> bool {
    (TimeDelta::zero()..WINDOW).contains(&(due - tick))
}

fn add_delta(a: TimeDelta, b: TimeDelta) -> Result<TimeDelta, ScheduleError> {
    a.checked_add(&b).ok_or(ScheduleError::Never)
}
