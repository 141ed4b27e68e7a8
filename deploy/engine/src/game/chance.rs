//! The only source of chance: SplitMix64 (Steele, Lea, Flood: "Fast splittable pseudorandom number generators", 2014),
//! seeded through SHA-256.
//!
//! Every use draws from a stream of its own, named by a purpose and numbers (turn, planet), so that a change in how
//! many numbers one battle draws never shifts the outcome of another.

use sha2::{Digest, Sha256};

/// A stream of pseudo-random numbers.
#[derive(Debug, Clone)]
pub struct Chance {
    state: u64,
}

/// The first eight bytes of a SHA-256 digest, big-endian.
fn first_u64(hasher: Sha256) -> u64 {
    hasher.finalize().iter().take(8).fold(0, |sum, byte| (sum << 8) | u64::from(*byte))
}

/// The seed of a game: `SHA-256("galaxy-engine/1:" + game_id)`, its first eight bytes.
#[must_use]
pub fn seed_of(game_id: &str) -> u64 {
    let mut hasher = Sha256::new();
    hasher.update(b"galaxy-engine/1:");
    hasher.update(game_id.as_bytes());
    first_u64(hasher)
}

impl Chance {
    /// The stream for one purpose within the game of this seed.
    #[must_use]
    pub fn stream(seed: u64, purpose: &str, numbers: &[u64]) -> Self {
        let mut hasher = Sha256::new();
        hasher.update(seed.to_be_bytes());
        hasher.update(purpose.as_bytes());
        for number in numbers {
            hasher.update(number.to_be_bytes());
        }
        Self { state: first_u64(hasher) }
    }

    /// The next 64 bits.
    pub fn next_u64(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.state;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// A number in `0..bound` (0 for a bound of 0), by Lemire's multiplication; the bias is below 2⁻³² here.
    pub fn below(&mut self, bound: u32) -> u32 {
        let product = u128::from(self.next_u64()) * u128::from(bound);
        u32::try_from(product >> 64).unwrap_or(0)
    }

    /// A number in `low..=high`.
    pub fn between(&mut self, low: u32, high: u32) -> u32 {
        low.saturating_add(self.below(high.saturating_sub(low).saturating_add(1)))
    }

    /// Puts the items into a random order (Fisher–Yates).
    pub fn shuffle<T>(&mut self, items: &mut [T]) {
        for last in (1..items.len()).rev() {
            let bound = u32::try_from(last + 1).unwrap_or(u32::MAX);
            let other = usize::try_from(self.below(bound)).unwrap_or(0);
            items.swap(last, other);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn follows_the_published_sequence() {
        // The reference values of SplitMix64 for the seed 1234567.
        let mut chance = Chance { state: 1_234_567 };
        assert_eq!(chance.next_u64(), 6_457_827_717_110_365_317);
        assert_eq!(chance.next_u64(), 3_203_168_211_198_807_973);
    }

    #[test]
    fn streams_differ_by_purpose_and_number() {
        let first = |purpose, numbers: &[u64]| Chance::stream(7, purpose, numbers).next_u64();
        assert_ne!(first("map", &[]), first("battle", &[]));
        assert_ne!(first("battle", &[1, 2]), first("battle", &[2, 1]));
        assert_eq!(first("battle", &[1, 2]), first("battle", &[1, 2]));
    }

    #[test]
    fn stays_below_the_bound() {
        let mut chance = Chance::stream(1, "test", &[]);
        assert!((0..1000).all(|_| chance.below(7) < 7));
        assert!((0..1000).all(|_| (3..=5).contains(&chance.between(3, 5))));
        assert_eq!(chance.below(0), 0);
    }
}
