//! Random schedules in random zones around a clock change, against a model that is too slow to be wrong: it looks at each minute.

use std::collections::BTreeSet;

use chrono::{Datelike as _, NaiveDateTime, Offset as _, TimeZone as _, Timelike as _};
use chrono_tz::TZ_VARIANTS;

use super::*;
use crate::random::Random;

const CASES: u64 = 250;

/// A field with what it means, written down while the text is made.
#[derive(Default)]
struct Made {
    text: String,
    named: BTreeSet<u32>,
    stepped: BTreeSet<u32>,
}

impl Made {
    fn has(&self, value: u32) -> bool {
        self.named.contains(&value) || self.stepped.contains(&value)
    }

    fn field(random: &Random, least: u32, most: u32, stars: u64) -> Self {
        let pick = |from: u32, to: u32| from + u32::try_from(random.below(u64::from(to - from + 1))).unwrap();
        let mut made = Self::default();
        for n in 0..=random.below(3) {
            let (first, step) = (pick(least, most), pick(1, 7));
            let last = pick(first, most);
            let step_size = usize::try_from(step).unwrap();
            let text = match random.below(4 + stars) {
                0 | 1 => {
                    made.named.insert(first);
                    first.to_string()
                }
                2 => {
                    made.named.extend(first..=last);
                    format!("{first}-{last}")
                }
                3 => {
                    made.stepped.extend((first..=last).step_by(step_size));
                    format!("{first}-{last}/{step}")
                }
                _ if random.below(2) == 0 => {
                    made.stepped.extend(least..=most);
                    "*".to_owned()
                }
                _ => {
                    made.stepped.extend((least..=most).step_by(step_size));
                    format!("*/{step}")
                }
            };
            made.text += &if n == 0 { text } else { format!(",{text}") };
        }
        made
    }
}

/// The five fields of a schedule.
struct Model([Made; 5]);

impl Model {
    fn new(random: &Random) -> Self {
        Self([
            Made::field(random, 0, 59, 1),
            Made::field(random, 0, 23, 1),
            Made::field(random, 1, 31, 6),
            Made::field(random, 1, 12, 20),
            Made::field(random, 0, 7, 6),
        ])
    }

    fn text(&self) -> String {
        self.0.each_ref().map(|field| field.text.as_str()).join(" ")
    }

    fn is_day(&self, at: NaiveDateTime) -> bool {
        let [_, _, day, month, weekday] = &self.0;
        let number = at.weekday().num_days_from_sunday();
        let (one, other) = (day.has(at.day()), weekday.has(number) || (number == 0 && weekday.has(7)));
        let star = day.text.starts_with('*') || weekday.text.starts_with('*');
        month.has(at.month()) && if star { one && other } else { one || other }
    }

    fn is_named(&self, at: NaiveDateTime) -> bool {
        let [minute, hour, ..] = &self.0;
        hour.named.contains(&at.hour()) && minute.named.contains(&at.minute()) && self.is_day(at)
    }

    fn is_stepped(&self, at: NaiveDateTime) -> bool {
        let [minute, hour, ..] = &self.0;
        hour.has(at.hour()) && minute.has(at.minute()) && self.is_day(at) && !self.is_named(at)
    }

    /// Every turn in `(from, to]`.
    fn turns(&self, zone: Tz, from: DateTime<Utc>, to: DateTime<Utc>) -> Vec<DateTime<Utc>> {
        let minute = TimeDelta::minutes(1);
        let mut at = from - TimeDelta::hours(30);
        let mut highest = shown(zone, at);
        let mut turns = Vec::new();
        while at <= to {
            let now = shown(zone, at);
            let mut due = self.is_stepped(now);
            while highest < now {
                highest += minute;
                due = due || self.is_named(highest);
            }
            if due && at > from {
                turns.push(at);
            }
            at += minute;
        }
        turns
    }
}

fn shown(zone: Tz, at: DateTime<Utc>) -> NaiveDateTime {
    at.naive_utc() + zone.offset_from_utc_datetime(&at.naive_utc()).fix()
}

#[test]
fn random_schedules_come_due_when_a_walk_over_every_minute_says() {
    let random = Random::seeded(8);
    let mut changes = 0;
    for case in 0..CASES {
        let zone = TZ_VARIANTS[usize::try_from(random.below(TZ_VARIANTS.len() as u64)).unwrap()];
        // From a day and a half before the next change of its clock within a year; some zones have none.
        let mut from = at("1975-01-01T00:00:00Z") + TimeDelta::days(i64::try_from(random.below(60 * 365)).unwrap());
        for _ in 0..800 {
            let later = from + TimeDelta::hours(12);
            let offset = |at: DateTime<Utc>| shown(zone, at) - at.naive_utc();
            if offset(from) != offset(later) {
                changes += 1;
                break;
            }
            from = later;
        }
        let (from, to) = (from - TimeDelta::hours(36), from + TimeDelta::hours(48));
        let model = Model::new(&random);
        let text = model.text();
        let schedule = match Schedule::parse(&text, zone.name(), Duration::ZERO) {
            Ok(schedule) => schedule,
            // Such as the 31st of February.
            Err(ScheduleError::Never) => continue,
            Err(error) => panic!("`{text}`: {error}"),
        };
        let mut last = from;
        let mut turns = Vec::new();
        while let Ok(next) = schedule.next(last, last, NONE)
            && next <= to
        {
            turns.push(next);
            last = next;
        }
        assert_eq!(turns, model.turns(zone, from, to), "case {case}: `{text}` in {zone} from {from}");
    }
    assert!(changes > CASES / 3, "only {changes} cases had a clock change in them");
}
