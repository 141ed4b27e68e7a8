//! Schedules from the rows of their table: what is taken goes on, and never backwards.

use testkit::fuzz::Target;

use super::*;
use crate::domain::table;

const TABLE: &str = include_str!("../../../../tests/tables/schedules.tsv");
/// From where the next turns are asked: before and after clock changes, and far ahead.
const FROM: [&str; 4] =
    ["2026-03-28T23:59:59Z", "2026-10-25T00:30:00Z", "2027-02-28T12:00:00.5Z", "2199-12-31T23:59:59Z"];

#[test]
fn a_turn_is_always_later_than_the_one_before() {
    let rows = table::rows::<2>(TABLE).map(|(_, [text, zone])| format!("{text}\t{zone}"));
    let own = ["@every 10m\t".to_owned(), "@every 400h\tUTC".to_owned(), "0 0 29 2 *\tAsia/Kolkata".to_owned()];
    let words = &[
        "*",
        "/",
        "*/7",
        "-",
        ",",
        "0-59",
        "mon",
        "JAN",
        "@every ",
        "7",
        "29 2",
        "\t",
        "Africa/Casablanca",
        "America/Nuuk",
    ];
    Target::new(700).samples(rows.chain(own)).words(words).texts(|given| {
        let (text, zone) = given.split_once('\t').unwrap_or((given, ""));
        let schedule = match Schedule::parse(text, zone, Duration::from_secs(1)) {
            Ok(schedule) => schedule,
            Err(error) => {
                assert!(error.to_string().len() < 300 + given.len());
                return;
            }
        };
        assert!(Schedule::stored(text, zone).is_ok(), "what was taken can be read again");
        for from in FROM {
            let mut last = at(from);
            for offset in [NONE, MINUTE, MINUTE] {
                // The end of the calendar is far away.
                let next = schedule.next(last, last, offset).unwrap();
                assert!(next > last, "{next} follows {last}");
                last = next;
            }
            assert!(schedule.first(at(from), MINUTE).unwrap() > at(from));
        }
    });
}
