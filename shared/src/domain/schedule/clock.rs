//! When the clock of a zone shows what cron fields ask for, over clock changes (SPEC §8, `docs/adr/0014-own-reading-of-cron.md`).
//!
//! Two rules, because people mean two things. Who names an hour and a minute (`30 2,14 * * *`) wants a turn at that time of the
//! day: it comes when the clock first shows that time **or a later one**. So a time that is left out comes when the clock has
//! jumped, and one that is shown twice comes the first time. Who writes a star or a step (`*/10 * * * *`) wants a turn so
//! often: it comes whenever the clock shows that time, twice or not at all.

use chrono::{DateTime, NaiveDateTime, Offset as _, TimeDelta, TimeZone as _, Utc};
use chrono_tz::Tz;

use super::fields::{Fields, Times};

/// Offsets are looked at so far apart. No zone changed its clock twice within it, as far as its rules are known by the minute.
const STRIDE: TimeDelta = TimeDelta::hours(24);
/// No clock is further from UTC, and none ever jumped further.
const FURTHEST: TimeDelta = TimeDelta::hours(36);

/// Cron fields, read in a zone.
#[derive(Debug, Clone)]
pub(super) struct Cron {
    pub(super) fields: Fields,
    pub(super) zone: Tz,
}

impl Cron {
    /// The first time after `after`; `None` where none comes.
    pub(super) fn next(&self, after: DateTime<Utc>) -> Option<DateTime<Utc>> {
        match (self.next_named(after), self.next_stepped(after)) {
            (Some(named), Some(stepped)) => Some(named.min(stepped)),
            (named, stepped) => named.or(stepped),
        }
    }

    fn next_named(&self, after: DateTime<Utc>) -> Option<DateTime<Utc>> {
        // When a local time is reached grows with it: all up to the present one have been.
        let mut local = self.shown(after)?;
        loop {
            local = self.fields.next(local, Times::Named)?;
            let due = self.reached(local)?;
            if due > after {
                return Some(due);
            }
        }
    }

    fn next_stepped(&self, after: DateTime<Utc>) -> Option<DateTime<Utc>> {
        let mut at = after;
        loop {
            // What comes next if the clock goes on as it does; or the change that comes before it.
            let local = self.fields.next(self.shown(at)?, Times::Stepped)?;
            let due = local.checked_sub_offset(self.zone.offset_from_utc_datetime(&at.naive_utc()).fix())?.and_utc();
            match self.change(at, due) {
                None => return Some(due),
                Some(change) if self.fields.is(self.shown(change)?, Times::Stepped) => return Some(change),
                Some(change) => at = change,
            }
        }
    }

    /// What the clock shows; `None` at the ends of the calendar.
    fn shown(&self, at: DateTime<Utc>) -> Option<NaiveDateTime> {
        at.naive_utc().checked_add_offset(self.zone.offset_from_utc_datetime(&at.naive_utc()).fix())
    }

    /// When the clock first shows this local time, or a later one.
    fn reached(&self, local: NaiveDateTime) -> Option<DateTime<Utc>> {
        match self.zone.from_local_datetime(&local).earliest() {
            Some(at) => Some(at.with_timezone(&Utc)),
            None => {
                let (before, after) = (local.checked_sub_signed(FURTHEST)?, local.checked_add_signed(FURTHEST)?);
                first(before.and_utc(), after.and_utc(), |at| self.shown(at).is_some_and(|shown| shown >= local))
            }
        }
    }

    /// The first instant in `(from, to]` with another offset than at `from`.
    fn change(&self, from: DateTime<Utc>, to: DateTime<Utc>) -> Option<DateTime<Utc>> {
        let offset = |at: DateTime<Utc>| self.zone.offset_from_utc_datetime(&at.naive_utc()).fix();
        let now = offset(from);
        let mut at = from;
        while at < to {
            let next = at.checked_add_signed(STRIDE)?.min(to);
            if offset(next) != now {
                return first(at, next, |at| offset(at) != now);
            }
            at = next;
        }
        None
    }
}

/// The first whole second in `(before, after]` of which `is` holds; it does at `after`, not at `before`.
fn first(before: DateTime<Utc>, after: DateTime<Utc>, is: impl Fn(DateTime<Utc>) -> bool) -> Option<DateTime<Utc>> {
    let (mut low, mut high) = (before.timestamp(), after.timestamp());
    while high - low > 1 {
        let middle = low + (high - low) / 2;
        if is(DateTime::from_timestamp(middle, 0)?) { high = middle } else { low = middle }
    }
    DateTime::from_timestamp(high, 0)
}
