//! The five fields of crontab(5), as sets of values, and the local times that they name. What a clock change does to them
//! is [`super::clock`]'s business.

use chrono::{Datelike as _, Days, NaiveDate, NaiveDateTime, NaiveTime, Timelike as _};

/// A date that fits comes within this: the 29th of February on one weekday may be forty years away.
const HORIZON: Days = Days::new(366 * 50);

/// The values of one field, a bit each.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Field {
    /// Written as numbers, names and ranges.
    named: u64,
    /// Reached by a star or a step.
    stepped: u64,
    /// Whether it begins with a star: what decides how the two fields of the day go together.
    starred: bool,
}

impl Field {
    const fn all(self) -> u64 {
        self.named | self.stepped
    }

    const fn has(self, value: u32) -> bool {
        self.all() & bit(value) != 0
    }
}

/// Which local times are meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Times {
    /// Those whose hour and minute are both named.
    Named,
    /// The others, where a star or a step is in it.
    Stepped,
}

/// Five fields that were found valid.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Fields {
    minute: Field,
    hour: Field,
    day: Field,
    month: Field,
    weekday: Field,
}

impl Fields {
    /// Reads five fields in the plain language of crontab(5). The extensions of other programs (`L`, `W`, `#`, `?`, nicknames)
    /// are none of it: we would have to support them for ever.
    ///
    /// # Errors
    /// What is wrong, for whoever wrote it.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let parts: Vec<&str> = text.split_whitespace().collect();
        let [minute, hour, day, month, weekday] = parts.as_slice() else {
            return Err(format!("{} fields instead of 5", parts.len()));
        };
        Ok(Self {
            minute: MINUTE.read(minute)?,
            hour: HOUR.read(hour)?,
            day: DAY.read(day)?,
            month: MONTH.read(month)?,
            weekday: WEEKDAY.read(weekday)?,
        })
    }

    /// The first of these local times after `after`; `None` where none comes.
    pub(super) fn next(&self, after: NaiveDateTime, times: Times) -> Option<NaiveDateTime> {
        // Most schedules have times of one kind only: nothing is looked for in vain.
        if (0..24).all(|hour| self.minutes(times, hour) == 0) {
            return None;
        }
        let mut date = after.date();
        let mut from = Some(after.time());
        let last = date.checked_add_days(HORIZON)?;
        while date <= last {
            if !self.month.has(date.month()) {
                date = next_month(date)?;
            } else if self.is_day(date)
                && let Some(time) = self.first_time(times, from)
            {
                return Some(date.and_time(time));
            } else {
                date = date.succ_opt()?;
            }
            from = None;
        }
        None
    }

    /// Whether this is one of these local times.
    pub(super) fn is(&self, at: NaiveDateTime, times: Times) -> bool {
        at.second() == 0
            && at.nanosecond() == 0
            && self.is_day(at.date())
            && self.month.has(at.month())
            && self.minutes(times, at.hour()) & bit(at.minute()) != 0
    }

    /// Where both fields of the day are given, one of them is enough, unless either begins with a star: then both must hold
    /// (crontab(5)). A plain star holds always.
    fn is_day(&self, date: NaiveDate) -> bool {
        let day = self.day.has(date.day());
        let weekday = self.weekday.has(date.weekday().num_days_from_sunday());
        if self.day.starred || self.weekday.starred { day && weekday } else { day || weekday }
    }

    fn first_time(&self, times: Times, after: Option<NaiveTime>) -> Option<NaiveTime> {
        let begin = after.map_or(0, |after| after.hour());
        (begin..24).find_map(|hour| {
            let mut minutes = self.minutes(times, hour);
            if let Some(after) = after.filter(|after| after.hour() == hour) {
                minutes &= !(bit(after.minute() + 1) - 1);
            }
            (minutes != 0).then(|| NaiveTime::from_hms_opt(hour, minutes.trailing_zeros(), 0)).flatten()
        })
    }

    /// The minutes of an hour.
    const fn minutes(&self, times: Times, hour: u32) -> u64 {
        let (named, stepped) = (self.hour.named & bit(hour) != 0, self.hour.stepped & bit(hour) != 0);
        match (times, named, stepped) {
            (Times::Named, true, _) => self.minute.named,
            // A minute that is both is named.
            (Times::Stepped, true, _) => self.minute.stepped & !self.minute.named,
            (Times::Stepped, false, true) => self.minute.all(),
            (Times::Named, false, _) | (Times::Stepped, false, false) => 0,
        }
    }
}

const fn bit(value: u32) -> u64 {
    1 << value
}

fn next_month(date: NaiveDate) -> Option<NaiveDate> {
    let (year, month) = if date.month() == 12 { (date.year() + 1, 1) } else { (date.year(), date.month() + 1) };
    NaiveDate::from_ymd_opt(year, month, 1)
}

/// What a field may hold.
struct Rule {
    name: &'static str,
    least: u32,
    most: u32,
    /// Names of the values from `least` on.
    names: &'static [&'static str],
}

const MINUTE: Rule = Rule { name: "minute", least: 0, most: 59, names: &[] };
const HOUR: Rule = Rule { name: "hour", least: 0, most: 23, names: &[] };
const DAY: Rule = Rule { name: "day of month", least: 1, most: 31, names: &[] };
const MONTH: Rule = Rule {
    name: "month",
    least: 1,
    most: 12,
    names: &["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"],
};
/// Sunday is 0, and 7 too.
const WEEKDAY: Rule =
    Rule { name: "day of week", least: 0, most: 7, names: &["sun", "mon", "tue", "wed", "thu", "fri", "sat"] };

impl Rule {
    fn read(&self, text: &str) -> Result<Field, String> {
        let mut field = Field { named: 0, stepped: 0, starred: text.starts_with('*') };
        for part in text.split(',') {
            let (range, step) = match part.split_once('/') {
                Some((range, step)) => (range, Some(self.step(part, step)?)),
                None => (part, None),
            };
            let (first, last) = match range.split_once('-') {
                _ if range == "*" => (self.least, self.most),
                Some((first, last)) => (self.value(part, first)?, self.value(part, last)?),
                None if step.is_none() => (self.value(part, range)?, self.value(part, range)?),
                None => return Err(self.wrong(part, "a step follows `*` or a range")),
            };
            if first > last {
                return Err(self.wrong(part, "a range goes from the lower to the higher"));
            }
            let set = (first..=last).step_by(step.unwrap_or(1)).fold(0, |set, value| set | bit(value));
            if step.is_some() || range == "*" { field.stepped |= set } else { field.named |= set }
        }
        if self.most == WEEKDAY.most {
            let seventh = |set: u64| if set & bit(7) == 0 { set } else { (set & !bit(7)) | bit(0) };
            (field.named, field.stepped) = (seventh(field.named), seventh(field.stepped));
        }
        Ok(field)
    }

    fn step(&self, part: &str, text: &str) -> Result<usize, String> {
        match digits(text) {
            Some(0) | None => Err(self.wrong(part, "a step is a whole number from 1 on")),
            Some(step) => Ok(usize::try_from(step).unwrap_or(usize::MAX)),
        }
    }

    fn value(&self, part: &str, text: &str) -> Result<u32, String> {
        let named = || self.names.iter().position(|name| name.eq_ignore_ascii_case(text));
        let value = digits(text).or_else(|| Some(self.least + u32::try_from(named()?).ok()?));
        value.filter(|value| (self.least..=self.most).contains(value)).ok_or_else(|| {
            let names = if self.names.is_empty() { "" } else { ", or a name of three letters" };
            self.wrong(part, &format!("it goes from {} to {}{names}", self.least, self.most))
        })
    }

    fn wrong(&self, part: &str, why: &str) -> String {
        format!("`{part}` is no {}: {why}", self.name)
    }
}

/// At most four digits: nothing here is larger.
fn digits(text: &str) -> Option<u32> {
    let plain = (1..=4).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit());
    plain.then(|| text.parse().ok()).flatten()
}
