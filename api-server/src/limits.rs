//! Per-replica brakes: requests per address, codes per e-mail, failed administrator log-ins. They slow an attacker down;
//! what must hold exactly (tries per challenge, throttle) is counted in Postgres.

use std::collections::HashMap;
use std::num::NonZeroU32;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use governor::clock::{Clock as _, DefaultClock};
use governor::{DefaultKeyedRateLimiter, Quota, RateLimiter};
use parking_lot::Mutex;

/// The brakes of one replica.
pub struct Limits {
    /// Per client address, on the public group.
    pub public: Brake,
    /// Per e-mail address, on `send-email-code`.
    pub email: Brake,
}

impl Limits {
    /// Brakes with these many requests a minute each.
    pub fn new(public_per_minute: NonZeroU32, email_per_minute: NonZeroU32) -> Self {
        Self { public: Brake::new(public_per_minute), email: Brake::new(email_per_minute) }
    }
}

/// A keyed rate limiter whose memory is bounded by forgetting keys that are at rest.
pub struct Brake {
    limiter: DefaultKeyedRateLimiter<String>,
    clock: DefaultClock,
    calls: AtomicU32,
}

/// Above this many keys the ones at rest are dropped.
const KEYS_KEPT: usize = 50_000;
/// How many calls pass between two looks through the keys.
const LOOK_EVERY: u32 = 1000;

impl Brake {
    fn new(per_minute: NonZeroU32) -> Self {
        Self {
            limiter: RateLimiter::keyed(Quota::per_minute(per_minute)),
            clock: DefaultClock::default(),
            calls: AtomicU32::new(0),
        }
    }

    /// Takes one permit of `key`.
    ///
    /// # Errors
    /// How long to wait for the next permit.
    pub fn take(&self, key: &str) -> Result<(), Duration> {
        // Looking through all keys is for now and then, not for every request of a flood.
        if self.calls.fetch_add(1, Ordering::Relaxed).is_multiple_of(LOOK_EVERY) && self.limiter.len() > KEYS_KEPT {
            self.limiter.retain_recent();
        }
        self.limiter.check_key(&key.to_owned()).map_err(|no| no.wait_time_from(self.clock.now()))
    }
}

/// Counts failures of a key and makes it wait: nothing for the first few, then doubling.
#[derive(Default)]
pub struct Failures(Mutex<HashMap<String, (u32, Instant)>>);

/// Failures that cost nothing yet: people mistype.
const FREE_FAILURES: u32 = 5;
/// A key at rest for this long is forgiven.
const FORGIVEN_AFTER: Duration = Duration::from_secs(15 * 60);

impl Failures {
    /// Records a failure.
    pub fn add(&self, key: &str) {
        let mut map = self.0.lock();
        if map.len() > KEYS_KEPT {
            map.retain(|_, (_, at)| at.elapsed() < FORGIVEN_AFTER);
            // Names are the caller's to choose: where forgiveness frees nothing, any half goes, so that neither memory nor
            // the time of this look grows with a flood.
            if map.len() > KEYS_KEPT / 2 {
                let half: Vec<String> = map.keys().take(map.len() / 2).cloned().collect();
                for key in half {
                    map.remove(&key);
                }
            }
        }
        let entry = map.entry(key.to_owned()).or_insert((0, Instant::now()));
        if entry.1.elapsed() > FORGIVEN_AFTER {
            entry.0 = 0;
        }
        *entry = (entry.0.saturating_add(1), Instant::now());
    }

    /// How long `key` must still wait, if at all.
    pub fn must_wait(&self, key: &str) -> Option<Duration> {
        let map = self.0.lock();
        let (count, at) = map.get(key)?;
        let over = count.checked_sub(FREE_FAILURES + 1)?;
        let penalty = Duration::from_secs(1 << over.min(8));
        penalty.checked_sub(at.elapsed()).filter(|left| !left.is_zero())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failures_wait_only_after_the_free_ones() {
        let failures = Failures::default();
        for _ in 0..FREE_FAILURES {
            failures.add("name");
            assert_eq!(failures.must_wait("name"), None);
        }
        failures.add("name");
        assert!(failures.must_wait("name").is_some());
        assert_eq!(failures.must_wait("another"), None);
    }

    #[test]
    fn a_brake_answers_how_long_to_wait() {
        let brake = Brake::new(NonZeroU32::new(2).unwrap());
        assert!(brake.take("a").is_ok() && brake.take("a").is_ok());
        assert!(brake.take("a").unwrap_err() <= Duration::from_secs(30));
        assert!(brake.take("b").is_ok());
    }
}
