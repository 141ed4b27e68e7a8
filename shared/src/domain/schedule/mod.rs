//! When a game's turns are due (SPEC §7): a five-field cron expression read in an IANA zone, or `@every <n>(s|m|h)`.
//!
//! Pure: "now" is a parameter. The due time itself lives in Postgres (`runtime_turns`), so this says only what comes next.
//! `docs/schedules.md` has the rules.

mod clock;
mod fields;
#[cfg(test)]
mod tests;
mod timer;

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use chrono_tz::Tz;
use sha2::{Digest as _, Sha256};

use self::clock::Cron;
use self::fields::Fields;
use crate::ids::GameId;

pub use self::timer::{Rested, Timer};

/// A turn schedule that was found valid.
#[derive(Debug, Clone)]
pub struct Schedule(Kind);

#[derive(Debug, Clone)]
enum Kind {
    Every(TimeDelta),
    Cron(Box<Cron>),
}

/// Why a schedule is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ScheduleError {
    /// Neither five cron fields nor `@every <n>(s|m|h)`.
    #[error("the turn schedule is neither a five-field cron expression nor `@every <n>(s|m|h)`: {0}")]
    Syntax(String),
    /// The time zone is not in the IANA database.
    #[error("`{0}` is not an IANA time zone")]
    Zone(String),
    /// Two turns would come closer together than `BACKEND_RUNTIME_MIN_TURN_INTERVAL`.
    #[error("turns every {actual:?} are closer together than the minimum of {minimum:?}")]
    TooOften {
        /// The shortest distance between two turns of this schedule.
        actual: Duration,
        /// The configured minimum.
        minimum: Duration,
    },
    /// A date that never comes, such as the 30th of February.
    #[error("the turn schedule never comes due")]
    Never,
}

/// `@every` reaches up to a year: beyond that it is a typing error.
const LONGEST: TimeDelta = TimeDelta::days(366);
/// How many turns are looked at to find the shortest distance: more than a day's worth of a turn each minute.
const SAMPLE: usize = 1_500;

impl Schedule {
    /// Reads a schedule. `zone` is an IANA name and matters to cron fields only; an empty one is UTC. Turns closer
    /// together than `min_interval` are refused.
    ///
    /// # Errors
    /// [`ScheduleError`], one variant per reason.
    pub fn parse(text: &str, zone: &str, min_interval: Duration) -> Result<Self, ScheduleError> {
        let schedule = Self::stored(text, zone)?;
        let actual = schedule.shortest_interval()?;
        if actual < min_interval {
            return Err(ScheduleError::TooOften { actual, minimum: min_interval });
        }
        Ok(schedule)
    }

    /// Reads a schedule that was found valid when it was set: a game is not lost because an operator raised the minimum since, and
    /// nobody walks through a year of turns for each turn.
    ///
    /// # Errors
    /// [`ScheduleError::Syntax`], [`ScheduleError::Zone`].
    pub fn stored(text: &str, zone: &str) -> Result<Self, ScheduleError> {
        let text = text.trim();
        let zone: Tz = match zone {
            "" => Tz::UTC,
            zone => zone.parse().map_err(|_| ScheduleError::Zone(zone.to_owned()))?,
        };
        Ok(Self(match text.strip_prefix("@every") {
            Some(rest) => Kind::Every(parse_every(rest)?),
            None => {
                let fields = Fields::parse(text).map_err(ScheduleError::Syntax)?;
                Kind::Cron(Box::new(Cron { fields, zone }))
            }
        }))
    }

    /// The first turn of a game that starts, or starts again, at `now`. With `@every` players get a whole interval
    /// before it. `offset` is the game's own, from [`offset`].
    ///
    /// # Errors
    /// [`ScheduleError::Never`] at the end of the calendar.
    pub fn first(&self, now: DateTime<Utc>, offset: Duration) -> Result<DateTime<Utc>, ScheduleError> {
        match &self.0 {
            Kind::Every(interval) => add(now, *interval + within(offset, *interval)),
            Kind::Cron(_) => self.next(now, now, offset),
        }
    }

    /// The first turn after `now`, given that the last one was due at `last`. Turns missed in between are not made up
    /// for one by one; `@every` keeps its phase.
    ///
    /// # Errors
    /// [`ScheduleError::Never`] at the end of the calendar.
    pub fn next(
        &self,
        last: DateTime<Utc>,
        now: DateTime<Utc>,
        offset: Duration,
    ) -> Result<DateTime<Utc>, ScheduleError> {
        let after = last.max(now);
        match &self.0 {
            Kind::Every(interval) => {
                let interval_ms = interval.num_milliseconds().max(1);
                let passed = (after - last).num_milliseconds() / interval_ms;
                let next =
                    passed.checked_add(1).and_then(|n| n.checked_mul(interval_ms)).ok_or(ScheduleError::Never)?;
                add(last, TimeDelta::milliseconds(next))
            }
            Kind::Cron(cron) => {
                let offset = delta(offset);
                add(cron.next(add(after, -offset)?).ok_or(ScheduleError::Never)?, offset)
            }
        }
    }

    /// The shortest distance between two turns. Measured in UTC, so that a clock change does not forbid an hourly game.
    fn shortest_interval(&self) -> Result<Duration, ScheduleError> {
        match &self.0 {
            Kind::Every(interval) => interval.to_std().map_err(|_| ScheduleError::Never),
            Kind::Cron(cron) => {
                let plain = Cron { fields: cron.fields.clone(), zone: Tz::UTC };
                let mut last = plain.next(DateTime::UNIX_EPOCH).ok_or(ScheduleError::Never)?;
                let mut shortest = Duration::MAX;
                for _ in 0..SAMPLE {
                    let at = plain.next(last).ok_or(ScheduleError::Never)?;
                    shortest = shortest.min((at - last).to_std().unwrap_or(shortest));
                    // Nothing shorter is possible with a minute's resolution.
                    if shortest <= Duration::from_secs(60) || at > DateTime::UNIX_EPOCH + TimeDelta::days(3_000) {
                        break;
                    }
                    last = at;
                }
                Ok(shortest)
            }
        }
    }
}

/// The stable offset of a game within `spread` (`BACKEND_RUNTIME_TURN_SPREAD`), so that games with the same schedule do
/// not all generate at once. Whole milliseconds; zero without a spread.
#[must_use]
pub fn offset(game: GameId, spread: Duration) -> Duration {
    let spread = u64::try_from(spread.as_millis()).unwrap_or(u64::MAX);
    if spread == 0 {
        return Duration::ZERO;
    }
    // The id itself is ordered by time; its hash is spread evenly.
    let hash = Sha256::digest(game.uuid().as_bytes());
    let number = hash.iter().take(8).fold(0_u64, |n, byte| (n << 8) | u64::from(*byte));
    Duration::from_millis(number % spread)
}

fn parse_every(rest: &str) -> Result<TimeDelta, ScheduleError> {
    let wrong = || ScheduleError::Syntax("`@every` wants a whole number and one of s, m, h, as in `@every 10m`".into());
    let rest = rest.strip_prefix(char::is_whitespace).ok_or_else(wrong)?.trim_start();
    let (number, unit) = rest.split_at_checked(rest.len().saturating_sub(1)).ok_or_else(wrong)?;
    if number.is_empty() || !number.bytes().all(|b| b.is_ascii_digit()) {
        return Err(wrong());
    }
    let unit = match unit {
        "s" => 1,
        "m" => 60,
        "h" => 3_600,
        _ => return Err(wrong()),
    };
    let seconds = number.parse::<i64>().ok().and_then(|n| n.checked_mul(unit)).ok_or_else(wrong)?;
    let interval = TimeDelta::try_seconds(seconds).ok_or_else(wrong)?;
    if interval <= TimeDelta::zero() || interval > LONGEST {
        return Err(ScheduleError::Syntax("`@every` reaches from a second to 366 days".into()));
    }
    Ok(interval)
}

fn delta(duration: Duration) -> TimeDelta {
    TimeDelta::from_std(duration).unwrap_or(LONGEST)
}

/// A game's offset within one interval: several intervals of it would delay a first turn, not spread any better.
fn within(offset: Duration, interval: TimeDelta) -> TimeDelta {
    TimeDelta::milliseconds(delta(offset).num_milliseconds() % interval.num_milliseconds().max(1))
}

fn add(at: DateTime<Utc>, delta: TimeDelta) -> Result<DateTime<Utc>, ScheduleError> {
    at.checked_add_signed(delta).ok_or(ScheduleError::Never)
}
