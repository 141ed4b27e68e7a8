//! Schedules in hard zones, against instants that were computed by another implementation.
//!
//! `shared/tests/tables/schedules.tsv` was written by a Python program of thirty lines over `zoneinfo`: it walks UTC minute by
//! minute, begins forty hours early, asks what the zone's clock shows, and keeps the highest time that it has shown so far.
//! In each minute a turn is due if a time with a named hour and minute lies above that highest time and not above the
//! present one (left out times with it), or if the present one is a stepped time. Fields are Python sets, weekday 7 is 0.
//! A new row: the first three fields, and `?` in the fourth; the failure says what this code answers. Verify it elsewhere.

use super::*;
use crate::domain::table::check;

const TABLE: &str = include_str!("../../../../tests/tables/schedules.tsv");

#[test]
fn turns_come_when_another_implementation_says_over_every_kind_of_clock_change() {
    check::<4>(TABLE, 50, |[text, zone, from, expected]| {
        let schedule = schedule(text, zone);
        let expected: Vec<&str> = expected.split(' ').collect();
        let mut last = at(from);
        let seen: Vec<String> = expected
            .iter()
            .map(|_| {
                last = schedule.next(last, last, NONE).unwrap();
                last.format("%FT%TZ").to_string()
            })
            .collect();
        (seen != expected).then(|| format!("{seen:?}"))
    });
}
