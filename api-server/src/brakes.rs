//! Per-replica brakes: requests per network, codes per e-mail and network, failures. They slow an attacker down; what must hold
//! exactly (tries per challenge, guarded addresses) is counted in Postgres. No brake is keyed by what an attacker shares with
//! the person who is attacked (SPEC §6, nobody locks anybody out).

use std::collections::HashMap;
use std::hash::Hash;
use std::num::NonZeroU32;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use governor::clock::{Clock as _, DefaultClock};
use governor::{DefaultKeyedRateLimiter, Quota, RateLimiter};
use parking_lot::Mutex;
use shared::domain::network::Network;

/// The brakes of one replica.
pub struct Brakes {
    /// Per client network, on the public group.
    pub public: Brake<Network>,
    /// Per client network, of what comes to where administrators sign in and is no attempt to: attempts are counted in
    /// [`crate::admins`], so that nobody's are spent by a neighbour.
    pub door: Brake<Network>,
    /// Per mailbox and client network, on `send-email-code`.
    pub email: Brake<(String, Network)>,
    /// Wrong codes per client network, over all e-mail addresses.
    pub wrong_codes: Budget<Network>,
    /// Wrong codes of second factors, per administrator and client network. Who gets so far knows the password.
    pub admin_codes: Budget<(String, Network)>,
}

impl Brakes {
    /// Brakes with these many requests a minute, and wrong codes an hour.
    pub fn new(public_per_minute: NonZeroU32, email_per_minute: NonZeroU32, wrong_codes_per_hour: NonZeroU32) -> Self {
        let hour = Duration::from_secs(3600);
        Self {
            public: Brake::new(public_per_minute),
            door: Brake::new(public_per_minute),
            email: Brake::new(email_per_minute),
            wrong_codes: Budget::new(wrong_codes_per_hour.get(), hour / wrong_codes_per_hour.get()),
            admin_codes: Budget::new(ADMIN_CODES.0, ADMIN_CODES.1),
        }
    }
}

/// Wrong codes of an administrator's second factor at once from one network, and the time in which one more is allowed.
const ADMIN_CODES: (u32, Duration) = (10, Duration::from_secs(60));

/// A keyed rate limiter whose memory is bounded by forgetting keys that are at rest.
pub struct Brake<K: Hash + Eq + Clone> {
    limiter: DefaultKeyedRateLimiter<K>,
    clock: DefaultClock,
    calls: AtomicU32,
}

/// Above this many keys the ones at rest are dropped.
const KEYS_KEPT: usize = 50_000;
/// How many calls pass between two looks through the keys.
const LOOK_EVERY: u32 = 1000;

impl<K: Hash + Eq + Clone> Brake<K> {
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
    pub fn take(&self, key: &K) -> Result<(), Duration> {
        // Looking through all keys is for now and then, not for every request of a flood.
        if self.calls.fetch_add(1, Ordering::Relaxed).is_multiple_of(LOOK_EVERY) && self.limiter.len() > KEYS_KEPT {
            self.limiter.retain_recent();
        }
        self.limiter.check_key(key).map_err(|no| no.wait_time_from(self.clock.now()))
    }
}

/// How many failures a key may have: so many at once, then one in a while. A failure is taken before it is known to be one,
/// and given back when it was none: so parallel attempts get no more than others. (The crate behind [`Brake`] cannot give back.)
pub struct Budget<K> {
    /// From an empty budget to a full one.
    whole: Duration,
    /// What one failure costs.
    each: Duration,
    /// When the budget of a key will be full again.
    full_at: Mutex<HashMap<K, Instant>>,
}

impl<K: Hash + Eq + Clone> Budget<K> {
    /// `burst` failures at once, then one `each` time.
    pub fn new(burst: u32, each: Duration) -> Self {
        Self { whole: each * burst, each, full_at: Mutex::default() }
    }

    /// Takes a failure.
    ///
    /// # Errors
    /// How long to wait for the next one.
    pub fn take(&self, key: &K) -> Result<(), Duration> {
        let mut keys = self.full_at.lock();
        let now = Instant::now();
        let wanted = keys.get(key).map_or(now, |at| now.max(*at)) + self.each;
        let over = wanted.saturating_duration_since(now + self.whole);
        if !over.is_zero() {
            return Err(over);
        }
        if keys.len() >= KEYS_KEPT && !keys.contains_key(key) {
            keys.retain(|_, at| *at > now);
            // Keys may be the caller's to choose: where rest frees nothing, any half goes, so that neither memory nor the
            // time of this look grows with a flood.
            if keys.len() > KEYS_KEPT / 2 {
                let half: Vec<K> = keys.keys().take(keys.len() / 2).cloned().collect();
                for key in half {
                    keys.remove(&key);
                }
            }
        }
        keys.insert(key.clone(), wanted);
        Ok(())
    }

    /// How long to wait for the next failure, if at all; takes none.
    pub fn must_wait(&self, key: &K) -> Option<Duration> {
        let now = Instant::now();
        let full_at = *self.full_at.lock().get(key)?;
        Some((full_at + self.each).saturating_duration_since(now + self.whole)).filter(|wait| !wait.is_zero())
    }

    /// Gives one back that was no failure.
    pub fn give_back(&self, key: &K) {
        if let Some(at) = self.full_at.lock().get_mut(key) {
            *at = at.checked_sub(self.each).unwrap_or(*at);
        }
    }

    /// Forgets all failures of a key.
    pub fn forgive(&self, key: &K) {
        self.full_at.lock().remove(key);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: Duration = Duration::from_secs(60);

    #[test]
    fn a_budget_is_a_burst_and_then_one_in_a_while() {
        let budget = Budget::new(3, MINUTE);
        for _ in 0..3 {
            assert_eq!(budget.must_wait(&"name"), None);
            budget.take(&"name").unwrap();
        }
        let wait = budget.take(&"name").unwrap_err();
        assert!(wait <= MINUTE && wait > MINUTE / 2, "{wait:?}");
        assert!(budget.must_wait(&"name").is_some());
        budget.take(&"another").unwrap();
        // What was refused cost nothing.
        budget.give_back(&"name");
        budget.take(&"name").unwrap();
        budget.take(&"name").unwrap_err();
        budget.forgive(&"name");
        for _ in 0..3 {
            budget.take(&"name").unwrap();
        }
    }

    #[test]
    fn a_budget_gives_back_no_more_than_was_taken() {
        let budget = Budget::new(2, MINUTE);
        budget.take(&"name").unwrap();
        for _ in 0..5 {
            budget.give_back(&"name");
        }
        budget.take(&"name").unwrap();
        budget.take(&"name").unwrap();
        budget.take(&"name").unwrap_err();
    }

    #[test]
    fn a_flood_of_keys_is_held_in_bounded_memory() {
        let budget = Budget::new(1, MINUTE);
        for key in 0..3 * KEYS_KEPT {
            budget.take(&key).unwrap();
        }
        assert!(budget.full_at.lock().len() <= KEYS_KEPT);
    }

    #[test]
    fn a_brake_answers_how_long_to_wait() {
        let brake = Brake::new(NonZeroU32::new(2).unwrap());
        assert!(brake.take(&"a").is_ok() && brake.take(&"a").is_ok());
        assert!(brake.take(&"a").unwrap_err() <= Duration::from_secs(30));
        assert!(brake.take(&"b").is_ok());
    }
}
