//! Exponential backoff with full jitter.
//!
//! Ours, because it is one line of arithmetic over [`Random`], while the crates for it bring their own generator and
//! their own retry loop; our retries are rows in a table.

use std::time::Duration;

use super::Settings;
use crate::random::Random;

/// The pause after failure number `failures` (1 for the first) of something that is no row: uniform between zero and
/// `base · 2^(failures − 1)`, bounded by `cap`. Full jitter spreads a herd of failures widest (Brooker, "Exponential
/// Backoff And Jitter", 2015).
#[must_use]
pub fn full_jitter(random: &Random, base: Duration, cap: Duration, failures: u32) -> Duration {
    let doublings = failures.saturating_sub(1).min(31);
    base.saturating_mul(1 << doublings).min(cap).mul_f64(random.unit())
}

/// The delay before retry number `failures` (1 for the first) of a row: `backoff_base`, multiplied by `backoff_growth` for
/// each failure before, at most `backoff_cap`; chance takes away no more than all but `backoff_floor` of it.
#[must_use]
pub fn delay(random: &Random, settings: &Settings, failures: u32) -> Duration {
    let grown = settings.backoff_growth.saturating_pow(failures.saturating_sub(1));
    let bound = settings.backoff_base.saturating_mul(grown).min(settings.backoff_cap);
    let floor = settings.backoff_floor.clamp(0.0, 1.0);
    bound.mul_f64(floor + (1.0 - floor) * random.unit())
}

/// `interval` ± 20 %, so that replicas started together do not stay in step.
#[must_use]
pub fn jittered(random: &Random, interval: Duration) -> Duration {
    interval.mul_f64(0.8 + 0.4 * random.unit())
}

/// The pauses of somebody who waits for a server to come back: 50 ms, doubling up to `cap`, each between half and whole.
#[derive(Debug)]
pub(super) struct Reconnect {
    next: Duration,
    cap: Duration,
    random: Random,
}

impl Reconnect {
    const FIRST: Duration = Duration::from_millis(50);

    pub(super) fn new(random: Random, cap: Duration) -> Self {
        Self { next: Self::FIRST, cap, random }
    }

    /// It went well: begin anew with the short pause.
    pub(super) fn reset(&mut self) {
        self.next = Self::FIRST;
    }

    pub(super) fn pause(&mut self) -> Duration {
        let pause = self.next.min(self.cap).mul_f64(0.5 + 0.5 * self.random.unit());
        self.next = self.next.saturating_mul(2).min(self.cap);
        pause
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn delays_grow_to_the_cap_and_no_further() {
        let random = Random::seeded(1);
        let (base, cap) = (Duration::from_secs(1), Duration::from_secs(60));
        for failures in [1, 2, 3, 7, 40, u32::MAX] {
            let bound = base.saturating_mul(1 << (failures - 1).min(31)).min(cap);
            let delays: Vec<_> = (0..500).map(|_| full_jitter(&random, base, cap, failures)).collect();
            assert!(delays.iter().all(|d| *d <= bound), "{failures}");
            assert!(delays.iter().any(|d| *d > bound / 2) && delays.iter().any(|d| *d < bound / 2), "{failures}");
        }
    }

    #[test]
    fn a_rows_delays_grow_as_its_queue_says_and_keep_their_floor() {
        let random = Random::seeded(3);
        let plain = Settings {
            backoff_base: Duration::from_secs(1),
            backoff_cap: Duration::from_secs(60),
            ..Settings::default()
        };
        let steep = Settings { backoff_growth: 4, backoff_floor: 0.75, ..plain.clone() };
        for (failures, plain_bound, steep_bound) in [(1, 1, 1), (2, 2, 4), (3, 4, 16), (4, 8, 60), (u32::MAX, 60, 60)] {
            for _ in 0..200 {
                assert!(delay(&random, &plain, failures) <= Duration::from_secs(plain_bound));
                let steep = delay(&random, &steep, failures).as_secs_f64() / f64::from(steep_bound);
                assert!((0.75..=1.0).contains(&steep), "{failures}: {steep}");
            }
        }
    }

    #[test]
    fn reconnecting_waits_longer_each_time_until_it_goes_well() {
        let mut reconnect = Reconnect::new(Random::seeded(2), Duration::from_secs(1));
        let pauses: Vec<_> = (0..10).map(|_| reconnect.pause()).collect();
        assert!(pauses[0] <= Duration::from_millis(50));
        assert!(pauses[9] >= Duration::from_millis(500) && pauses[9] <= Duration::from_secs(1));
        reconnect.reset();
        assert!(reconnect.pause() <= Duration::from_millis(50));
    }
}
