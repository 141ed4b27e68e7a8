//! The timer by example, and over random games against a model that keeps a list of ticks.

use std::collections::VecDeque;

use super::*;
use crate::random::Random;

const SECOND: TimeDelta = TimeDelta::seconds(1);

fn rested(timer: Timer, since: DateTime<Utc>) -> Rested {
    Rested { timer, since, owed: false }
}

#[test]
fn however_often_a_turn_is_forced_only_the_next_scheduled_one_is_skipped() {
    let daily = schedule("0 20 * * *", "UTC");
    let mut timer = Timer::at(at("2026-05-01T20:00:00Z"));
    for hour in ["2026-05-01T09:00:00Z", "2026-05-01T10:00:00Z", "2026-05-01T11:00:00Z"] {
        timer = daily.after_turn(timer, true, (at(hour), at(hour)), NONE).unwrap();
        assert_eq!(timer, Timer { due: at("2026-05-02T20:00:00Z"), skipped: Some(at("2026-05-01T20:00:00Z")) });
    }
    // The skipped one has passed: the next forced turn skips the next.
    let morning = at("2026-05-02T09:00:00Z");
    let next_day = daily.after_turn(timer, true, (morning, morning), NONE).unwrap();
    assert_eq!(next_day.due, at("2026-05-03T20:00:00Z"));
    // And without force, nothing is skipped.
    let evening = at("2026-05-02T20:00:00Z");
    let as_scheduled = daily.after_turn(timer, false, (evening, evening + SECOND), NONE).unwrap();
    assert_eq!(as_scheduled, Timer::at(at("2026-05-03T20:00:00Z")));
    // Forced just before the skipped one, and generated beyond it.
    let today = Timer { due: at("2026-05-03T20:00:00Z"), skipped: Some(evening) };
    let late = daily.after_turn(today, true, (evening - SECOND, evening + SECOND), NONE).unwrap();
    assert_eq!(late.due, today.due);
}

#[test]
fn players_have_half_an_interval_for_their_orders_and_a_minute_at_most() {
    let every = |text: &str, late: i64| {
        let due = at("2026-05-01T12:00:00Z");
        let end = due + SECOND * i32::try_from(late).unwrap();
        schedule(text, "").after_turn(Timer::at(due), false, (due, end), NONE).unwrap().due - end
    };
    assert_eq!(every("@every 10s", 0), SECOND * 10);
    assert_eq!(every("@every 10s", 4), SECOND * 6);
    assert_eq!(every("@every 10s", 9), SECOND * 5, "and not a second");
    assert_eq!(every("@every 1h", 3_590), SECOND * 60, "and not ten seconds");
    // A turn that was missed runs late, just before the next: cron fields stay where they are after it.
    let daily = schedule("0 20 * * *", "UTC");
    let late = at("2026-05-02T19:59:50Z");
    let put_off = daily.after_turn(Timer::at(at("2026-05-01T20:00:00Z")), false, (late, late), NONE).unwrap();
    assert_eq!(put_off, Timer::at(late + SECOND * 60));
    let after = daily.after_turn(put_off, false, (put_off.due, put_off.due + SECOND), NONE).unwrap();
    assert_eq!(after.due, at("2026-05-03T20:00:00Z"));
    // Five minutes of turns a day: their distance counts, not the night's.
    let burst = schedule("0-5 20 * * *", "UTC");
    let eight = at("2026-05-01T20:00:00Z");
    let second = burst.after_turn(Timer::at(eight), false, (eight, eight + SECOND * 50), NONE);
    assert_eq!(second.unwrap().due, at("2026-05-01T20:01:20Z"));
}

#[test]
fn a_pause_keeps_the_time_that_was_left() {
    let hourly = schedule("@every 1h", "");
    let due = at("2026-05-01T12:00:00Z");
    let (paused, now) = (at("2026-05-01T11:58:00Z"), at("2026-05-03T08:00:00Z"));
    let resumed = hourly.resumed(rested(Timer::at(due), paused), now, NONE).unwrap();
    assert_eq!(resumed, Timer::at(at("2026-05-03T08:02:00Z")));
    // A tick that a forced turn took the place of keeps its place too.
    let forced = Timer { due: due + TimeDelta::hours(1), skipped: Some(due) };
    let resumed = hourly.resumed(rested(forced, paused), now, NONE).unwrap();
    assert_eq!(resumed, Timer { due: at("2026-05-03T09:02:00Z"), skipped: Some(at("2026-05-03T08:02:00Z")) });
    // The schedule is shorter now: no more of it is left than there is.
    let shorter = schedule("@every 1m", "").resumed(rested(forced, at("2026-05-01T11:00:00Z")), now, NONE).unwrap();
    assert_eq!(shorter, Timer::at(at("2026-05-03T08:01:00Z")));
    // Cron fields mean times of the day.
    let daily = schedule("0 20 * * *", "UTC");
    let resumed = daily.resumed(rested(Timer::at(at("2026-05-01T20:00:00Z")), paused), now, NONE).unwrap();
    assert_eq!(resumed, Timer::at(at("2026-05-03T20:00:00Z")));
    let today = Timer { due: at("2026-05-04T20:00:00Z"), skipped: Some(at("2026-05-03T20:00:00Z")) };
    assert_eq!(daily.resumed(rested(today, at("2026-05-03T07:00:00Z")), now, NONE).unwrap(), today, "still skipped");
}

#[test]
fn a_turn_that_was_due_or_given_up_is_owed() {
    let now = at("2026-05-01T20:10:00Z");
    for text in ["0 20 * * *", "@every 24h"] {
        let schedule = schedule(text, "UTC");
        let due = Timer::at(at("2026-05-01T20:00:00Z"));
        assert_eq!(schedule.resumed(rested(due, at("2026-05-01T20:00:07Z")), now, NONE).unwrap(), Timer::at(now));
        let owed = Rested { timer: due, since: at("2026-05-01T19:00:00Z"), owed: true };
        assert_eq!(schedule.resumed(owed, now, NONE).unwrap(), Timer::at(now));
    }
}

#[test]
fn what_a_clock_that_was_ahead_has_set_is_set_anew() {
    let now = at("2026-05-01T12:00:00Z");
    let mended = |text: &str, due: &str, skipped: Option<&str>| {
        let timer = Timer { due: at(due), skipped: skipped.map(at) };
        schedule(text, "UTC").mended(timer, now, NONE).unwrap().map(|timer| timer.due)
    };
    // Eight seconds of tomorrow were enough.
    assert_eq!(mended("0 20 * * *", "2026-05-02T20:00:00Z", None), Some(at("2026-05-01T20:00:00Z")));
    assert_eq!(mended("@every 1h", "2026-05-02T12:30:00Z", None), Some(at("2026-05-01T13:00:00Z")));
    // What the schedule says, or what was put off for orders, or moved by a forced turn, is left.
    assert_eq!(mended("0 20 * * *", "2026-05-01T20:00:00Z", None), None);
    assert_eq!(mended("0 20 * * *", "2026-05-01T20:00:59Z", None), None);
    assert_eq!(mended("0 20 * * *", "2026-05-02T20:00:00Z", Some("2026-05-01T20:00:00Z")), None);
    assert_eq!(mended("@every 1h", "2026-05-01T13:00:00Z", None), None);
    assert_eq!(mended("@every 1h", "2026-05-01T14:00:00Z", Some("2026-05-01T13:00:00Z")), None);
    // What is due is due.
    assert_eq!(mended("@every 1h", "2026-05-01T11:00:00Z", None), None);
    // A skip of the wrong day is none.
    assert_eq!(
        mended("0 20 * * *", "2026-05-03T20:00:00Z", Some("2026-05-02T20:00:00Z")),
        Some(at("2026-05-01T20:00:00Z"))
    );
}

/// The ticks to come, each with whether a forced turn took its place.
struct Ticks {
    ticks: VecDeque<(DateTime<Utc>, bool)>,
    every: bool,
}

impl Ticks {
    fn due(&self) -> DateTime<Utc> {
        self.ticks.iter().find(|(_, skipped)| !skipped).unwrap().0
    }

    fn force(&mut self, now: DateTime<Utc>) {
        self.ticks.retain(|(at, skipped)| !skipped || *at > now);
        if !self.ticks[0].1 {
            self.ticks[0].1 = true;
        }
    }

    /// A turn's generation ended: ticks up to now are over, however many, and the next leaves time for orders.
    fn generated(&mut self, now: DateTime<Utc>, window: TimeDelta) {
        self.ticks.retain(|(at, _)| *at > now);
        let earliest = now + window;
        let next = self.ticks.iter().position(|(_, skipped)| !skipped).unwrap();
        let late = earliest - self.ticks[next].0;
        if late > TimeDelta::zero() {
            // A fixed distance moves with it, times of the day do not.
            let moved = if self.every { self.ticks.len() } else { next + 1 };
            for tick in self.ticks.range_mut(next..moved) {
                tick.0 += late;
            }
        }
    }

    fn rested(&mut self, since: DateTime<Utc>, now: DateTime<Utc>) {
        if self.every {
            self.ticks.iter_mut().for_each(|tick| tick.0 += now - since);
        } else {
            self.ticks.retain(|(at, _)| *at > now);
        }
    }
}

#[test]
fn over_random_games_the_timer_does_what_a_list_of_ticks_does() {
    let random = Random::seeded(20);
    for game in 0..300 {
        // A minute, an hour; by distance, by the clock.
        let (text, every, interval) = [
            ("@every 1m", true, TimeDelta::minutes(1)),
            ("* * * * *", false, TimeDelta::minutes(1)),
            ("@every 1h", true, TimeDelta::hours(1)),
            ("30 * * * *", false, TimeDelta::hours(1)),
        ][usize::try_from(random.below(4)).unwrap()];
        let schedule = schedule(text, "UTC");
        let some = |of: TimeDelta| {
            TimeDelta::milliseconds(i64::try_from(random.below(of.num_milliseconds().unsigned_abs())).unwrap())
        };
        let window = (interval / 2).min(SECOND * 60);
        let mut now = at("2026-05-01T12:00:00Z") + some(interval);
        let mut timer = Timer::at(schedule.first(now, NONE).unwrap());
        let mut ticks = Ticks {
            ticks: std::iter::successors(Some(timer.due), |last| Some(*last + interval))
                .take(400)
                .map(|at| (at, false))
                .collect(),
            every,
        };
        let mut generated = 0;
        for step in 0..60 {
            let what = format!("game {game} of `{text}`, step {step} at {now}: {timer:?}");
            match random.below(10) {
                // Time goes by: nothing is mended that is right.
                0..=2 => now += some(interval).min(timer.due - now).max(TimeDelta::zero()),
                3 | 4 if timer.due > now => {
                    ticks.force(now);
                    let began = now;
                    now += some(interval / 4);
                    ticks.generated(now, window);
                    timer = schedule.after_turn(timer, true, (began, now), NONE).unwrap();
                    generated += 1;
                }
                5 if timer.due > now => {
                    let since = now;
                    now += some(interval * 3);
                    ticks.rested(since, now);
                    timer = schedule.resumed(rested(timer, since), now, NONE).unwrap();
                }
                // Due, perhaps long ago, and generated for a while.
                _ => {
                    let began = now.max(timer.due);
                    now = began + some(interval * 3 / 2);
                    ticks.generated(now, window);
                    timer = schedule.after_turn(timer, false, (began, now), NONE).unwrap();
                    generated += 1;
                }
            }
            assert_eq!(timer.due, ticks.due(), "{what}");
            assert_eq!(schedule.mended(timer, now, NONE).unwrap(), None, "{what}");
            // Set by a clock that was a day ahead, or by one that is: the game never waits for more than two intervals.
            let ahead = Timer::at(schedule.next(timer.due, now + TimeDelta::days(1), NONE).unwrap());
            let mended = schedule.mended(ahead, now, NONE).unwrap().expect("a day is seen");
            assert!(mended.due > now && mended.due <= now + interval, "{what}: {mended:?}");
        }
        assert!(generated > 10);
    }
}
