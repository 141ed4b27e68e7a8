//! Schedules by example; `table` holds them to another implementation, `model` to a slow one, `timer` to random games.

use super::*;

mod fuzz;
mod model;
mod table;
mod timer;

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
