//! Exponential backoff with full jitter.
//!
//! Ours, because it is one line of arithmetic over [`Random`], while the crates for it bring their own generator and
//! their own retry loop; our retries are rows in a table.

use std::time::Duration;

use crate::random::Random;

/// The delay before retry number `failures` (1 for the first): uniform between zero and `base · 2^(failures − 1)`, bounded
/// by `cap`. Full jitter spreads a herd of failures widest (Brooker, "Exponential Backoff And Jitter", 2015).
#[must_use]
pub fn full_jitter(random: &Random, base: Duration, cap: Duration, failures: u32) -> Duration {
    let doublings = failures.saturating_sub(1).min(31);
    base.saturating_mul(1 << doublings).min(cap).mul_f64(random.unit())
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
    fn reconnecting_waits_longer_each_time_until_it_goes_well() {
        let mut reconnect = Reconnect::new(Random::seeded(2), Duration::from_secs(1));
        let pauses: Vec<_> = (0..10).map(|_| reconnect.pause()).collect();
        assert!(pauses[0] <= Duration::from_millis(50));
        assert!(pauses[9] >= Duration::from_millis(500) && pauses[9] <= Duration::from_secs(1));
        reconnect.reset();
        assert!(reconnect.pause() <= Duration::from_millis(50));
    }
}
