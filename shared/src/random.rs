//! Randomness as a parameter: the operating system's generator, or in tests a seeded one.

use std::sync::Arc;

use parking_lot::Mutex;
use rand::{
    Rng as _, RngCore, SeedableRng as _, TryRngCore as _,
    rngs::{OsRng, StdRng},
};

/// A source of random bytes and numbers. Cheap to clone; clones of a seeded source draw from the same sequence.
#[derive(Clone)]
pub struct Random(Source);

#[derive(Clone)]
enum Source {
    System,
    Seeded(Arc<Mutex<StdRng>>),
}

impl std::fmt::Debug for Random {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self.0 {
            Source::System => "Random::system",
            Source::Seeded(_) => "Random::seeded",
        })
    }
}

impl Random {
    /// The operating system's cryptographic generator: fit for codes, salts and tokens.
    #[must_use]
    pub fn system() -> Self {
        Self(Source::System)
    }

    /// The same sequence for the same seed: for tests only, never for secrets.
    #[must_use]
    pub fn seeded(seed: u64) -> Self {
        Self(Source::Seeded(Arc::new(Mutex::new(StdRng::seed_from_u64(seed)))))
    }

    /// `N` random bytes.
    #[must_use]
    pub fn bytes<const N: usize>(&self) -> [u8; N] {
        let mut bytes = [0; N];
        self.with(|rng| rng.fill_bytes(&mut bytes));
        bytes
    }

    /// A number in `0..n`, each equally likely; 0 when `n` is 0.
    #[must_use]
    pub fn below(&self, n: u64) -> u64 {
        if n == 0 { 0 } else { self.with(|rng| rng.random_range(0..n)) }
    }

    /// A number in `0.0..1.0`, as jitter wants it.
    #[must_use]
    pub fn unit(&self) -> f64 {
        self.with(|rng| rng.random::<f64>())
    }

    fn with<T>(&self, draw: impl FnOnce(&mut dyn RngCore) -> T) -> T {
        match &self.0 {
            // A kernel without randomness leaves nothing sensible to do: unwrap_err panics, which ends the task.
            Source::System => draw(&mut OsRng.unwrap_err()),
            Source::Seeded(rng) => draw(&mut *rng.lock()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_draws_the_same() {
        let (a, b) = (Random::seeded(7), Random::seeded(7));
        assert_eq!(a.bytes::<32>(), b.bytes::<32>());
        assert_eq!(a.below(1_000_000), b.below(1_000_000));
        assert_ne!(a.bytes::<16>(), a.bytes::<16>());
    }

    #[test]
    fn numbers_stay_in_their_range() {
        let random = Random::system();
        assert_eq!(random.below(0), 0);
        assert_eq!(random.below(1), 0);
        for _ in 0..1_000 {
            assert!(random.below(6) < 6);
            assert!((0.0..1.0).contains(&random.unit()));
        }
    }
}
