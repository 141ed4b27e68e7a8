//! When a game's turns are due (SPEC §7): a five-field cron expression read in an IANA zone, or `@every <n>(s|m|h)`.
//!
//! Pure: "now" is a parameter. The due time itself lives in Postgres (`runtime_turns`), so this says only what comes next.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use chrono_tz::Tz;
use croner::Cron;
use croner::parser::{CronParser, Seconds, Year};
use sha2::{Digest as _, Sha256};

use crate::ids::GameId;

/// A turn schedule that was found valid.
#[derive(Debug, Clone)]
pub struct Schedule(Kind);

#[derive(Debug, Clone)]
enum Kind {
    Every(TimeDelta),
    Cron { cron: Box<Cron>, zone: Tz },
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
        let text = text.trim();
        let zone: Tz = match zone {
            "" => Tz::UTC,
            zone => zone.parse().map_err(|_| ScheduleError::Zone(zone.to_owned()))?,
        };
        let schedule = Self(match text.strip_prefix("@every") {
            Some(rest) => Kind::Every(parse_every(rest)?),
            None => Kind::Cron { cron: Box::new(parse_cron(text)?), zone },
        });
        let actual = schedule.shortest_interval()?;
        if actual < min_interval {
            return Err(ScheduleError::TooOften { actual, minimum: min_interval });
        }
        Ok(schedule)
    }

    /// The first turn of a game that starts, or starts again, at `now`. With `@every` players get a whole interval
    /// before it. `offset` is the game's own, from [`offset`].
    ///
    /// # Errors
    /// [`ScheduleError::Never`] at the end of the calendar.
    pub fn first(&self, now: DateTime<Utc>, offset: Duration) -> Result<DateTime<Utc>, ScheduleError> {
        match &self.0 {
            Kind::Every(interval) => {
                // Within one interval: an offset of several would only delay the first turn, not spread any better.
                let interval_ms = interval.num_milliseconds().max(1);
                let offset = TimeDelta::milliseconds(delta(offset).num_milliseconds() % interval_ms);
                add(now, *interval + offset)
            }
            Kind::Cron { .. } => self.next(now, now, offset),
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
            Kind::Cron { cron, zone } => {
                let offset = delta(offset);
                let from = add(after, -offset)?.with_timezone(zone);
                let next = cron.find_next_occurrence(&from, false).map_err(|_| ScheduleError::Never)?;
                add(next.with_timezone(&Utc), offset)
            }
        }
    }

    /// The shortest distance between two turns. Measured in UTC, so that a clock change does not forbid an hourly game.
    fn shortest_interval(&self) -> Result<Duration, ScheduleError> {
        match &self.0 {
            Kind::Every(interval) => interval.to_std().map_err(|_| ScheduleError::Never),
            Kind::Cron { cron, .. } => {
                let mut at = DateTime::UNIX_EPOCH;
                let mut last = cron.find_next_occurrence(&at, true).map_err(|_| ScheduleError::Never)?;
                let mut shortest = Duration::MAX;
                for _ in 0..SAMPLE {
                    at = cron.find_next_occurrence(&last, false).map_err(|_| ScheduleError::Never)?;
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

fn parse_cron(text: &str) -> Result<Cron, ScheduleError> {
    let fields: Vec<&str> = text.split_whitespace().collect();
    if fields.len() != 5 {
        return Err(ScheduleError::Syntax(format!("{} fields instead of 5", fields.len())));
    }
    for field in &fields {
        // The plain language of crontab(5). The parser knows more (L, W, #, nicknames), which we would have to support for ever.
        let names = field.split(|c: char| !c.is_ascii_alphabetic()).filter(|run| !run.is_empty());
        let plain = field.bytes().all(|b| b.is_ascii_alphanumeric() || b"*,-/".contains(&b));
        if !plain || names.into_iter().any(|run| run.len() != 3) {
            return Err(ScheduleError::Syntax(format!("`{field}` is not a cron field")));
        }
    }
    CronParser::builder()
        .seconds(Seconds::Disallowed)
        .year(Year::Disallowed)
        .build()
        .parse(&fields.join(" "))
        .map_err(|error| ScheduleError::Syntax(error.to_string()))
}

fn delta(duration: Duration) -> TimeDelta {
    TimeDelta::from_std(duration).unwrap_or(LONGEST)
}

fn add(at: DateTime<Utc>, delta: TimeDelta) -> Result<DateTime<Utc>, ScheduleError> {
    at.checked_add_signed(delta).ok_or(ScheduleError::Never)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NONE: Duration = Duration::ZERO;
    const MINUTE: Duration = Duration::from_secs(60);

    fn at(text: &str) -> DateTime<Utc> {
        text.parse().unwrap()
    }

    fn schedule(text: &str, zone: &str) -> Schedule {
        Schedule::parse(text, zone, Duration::from_secs(1)).unwrap()
    }

    #[test]
    fn cron_fields_are_read_in_their_zone_over_clock_changes() {
        let daily = schedule("30 2 * * *", "Europe/Berlin");
        // Winter: UTC+1.
        assert_eq!(daily.first(at("2026-01-10T00:00:00Z"), NONE).unwrap(), at("2026-01-10T01:30:00Z"));
        // 2026-03-29: 02:30 does not exist, the turn comes when the clock has jumped; it is not lost.
        let spring = daily.first(at("2026-03-29T00:00:00Z"), NONE).unwrap();
        assert_eq!(spring, at("2026-03-29T01:00:00Z"));
        assert_eq!(daily.next(spring, spring, NONE).unwrap(), at("2026-03-30T00:30:00Z"));
        // 2026-10-25: 02:30 comes twice, the turn once.
        let autumn = daily.first(at("2026-10-25T00:00:00Z"), NONE).unwrap();
        assert_eq!(autumn, at("2026-10-25T00:30:00Z"));
        assert_eq!(daily.next(autumn, autumn, NONE).unwrap(), at("2026-10-26T01:30:00Z"));
    }

    #[test]
    fn a_schedule_without_a_zone_is_utc() {
        assert_eq!(
            schedule("0 18 * * 1-5", "").first(at("2026-05-08T18:00:00Z"), NONE).unwrap(),
            at("2026-05-11T18:00:00Z")
        );
    }

    #[test]
    fn every_keeps_its_phase_and_makes_up_for_missed_turns_once() {
        let every = schedule("@every 10m", "");
        let start = at("2026-05-01T12:03:07Z");
        let first = every.first(start, NONE).unwrap();
        assert_eq!(first, at("2026-05-01T12:13:07Z"));
        assert_eq!(every.next(first, first + TimeDelta::seconds(2), NONE).unwrap(), at("2026-05-01T12:23:07Z"));
        // Down for an hour and a bit: one turn ran late, the next is in phase again.
        assert_eq!(every.next(first, at("2026-05-01T13:20:00Z"), NONE).unwrap(), at("2026-05-01T13:23:07Z"));
        // Exactly on a due time: that one is the present, not the next.
        assert_eq!(every.next(first, at("2026-05-01T12:23:07Z"), NONE).unwrap(), at("2026-05-01T12:33:07Z"));
    }

    #[test]
    fn the_offset_is_stable_and_moves_every_turn_by_the_same() {
        let game = GameId::new();
        let spread = Duration::from_secs(300);
        let own = offset(game, spread);
        assert_eq!(own, offset(game, spread));
        assert!(own < spread);
        assert_eq!(offset(game, NONE), NONE);

        let hourly = schedule("0 * * * *", "");
        let plain = hourly.first(at("2026-05-01T12:30:00Z"), NONE).unwrap();
        let moved = hourly.first(at("2026-05-01T12:30:00Z"), own).unwrap();
        assert_eq!(moved - plain, TimeDelta::from_std(own).unwrap());
        // Between the bare time and the game's own: still that hour's turn.
        assert_eq!(hourly.first(plain + TimeDelta::milliseconds(1), MINUTE).unwrap(), plain + TimeDelta::seconds(60));
        assert_eq!(hourly.next(moved, moved, own).unwrap(), moved + TimeDelta::hours(1));
    }

    #[test]
    fn offsets_of_many_games_differ() {
        let spread = Duration::from_secs(3_600);
        let offsets: std::collections::HashSet<_> = (0..100).map(|_| offset(GameId::new(), spread)).collect();
        assert!(offsets.len() > 90, "{}", offsets.len());
    }

    #[test]
    fn schedules_below_the_minimum_interval_are_refused() {
        let parse = |text: &str, min: u64| Schedule::parse(text, "UTC", Duration::from_secs(min));
        assert!(matches!(parse("@every 59s", 60), Err(ScheduleError::TooOften { .. })));
        assert!(parse("@every 60s", 60).is_ok());
        assert!(parse("@every 1m", 60).is_ok());
        assert!(parse("* * * * *", 60).is_ok());
        assert!(matches!(parse("* * * * *", 61), Err(ScheduleError::TooOften { .. })));
        assert!(matches!(parse("0,50 * * * *", 900), Err(ScheduleError::TooOften { .. })));
        assert!(parse("0 0 29 2 *", 60).is_ok());
    }

    #[test]
    fn what_is_no_schedule_is_refused() {
        for text in [
            "",
            "@every",
            "@every10m",
            "@every 0s",
            "@every -1m",
            "@every 1.5h",
            "@every 10",
            "@every 10d",
            "@every m",
            "@every 99999999999999999999h",
            "@every 400000h",
            "@daily",
            "* * * *",
            "0 * * * * *",
            "60 * * * *",
            "* 24 * * *",
            "* * 0 * *",
            "* * * 13 *",
            "* * L * *",
            "* * 15W * *",
            "* * * * 1#2",
            "? * * * *",
            "a * * * *",
            "* * * FOO *",
            "@every 1ü",
            "5-1 * * * *",
        ] {
            let got = Schedule::parse(text, "UTC", Duration::from_secs(1));
            assert!(matches!(got, Err(ScheduleError::Syntax(_))), "`{text}`: {got:?}");
        }
        assert_eq!(Schedule::parse("0 0 30 2 *", "UTC", MINUTE).unwrap_err(), ScheduleError::Never);
        assert_eq!(
            Schedule::parse("0 0 * * *", "Mars/Olympus", MINUTE).unwrap_err(),
            ScheduleError::Zone("Mars/Olympus".into())
        );
    }

    #[test]
    fn names_of_days_and_months_are_understood() {
        assert_eq!(
            schedule("0 9 * MAR mon", "UTC").first(at("2026-03-01T00:00:00Z"), NONE).unwrap(),
            at("2026-03-02T09:00:00Z")
        );
    }
}
