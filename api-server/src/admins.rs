//! Verifies administrators: bcrypt off the async threads, with a short cache of what was verified.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use sha2::{Digest as _, Sha256};
use shared::db::admin::Credentials;

use crate::http::problem::Problem;
use crate::limits::Failures;

/// bcrypt's cost (SPEC §16).
pub const COST: u32 = 12;
/// How long a verified password need not be hashed again. The row itself is read on every request: disabling or rotating
/// an account takes effect at once, since the cache's key contains the stored hash.
const VERIFIED_FOR: Duration = Duration::from_secs(60);
const VERIFIED_KEPT: usize = 1000;
/// What unknown names are compared with, so that they take as long as known ones: a hash at [`COST`] of nothing that anybody knows.
const DECOY: &str = "$2b$12$pLqBnRkGdHvXzWmTyUjSeOfAlKgQwErTyUiOpAsDfGhJkLzXcVbN.";

/// Verifies and remembers.
pub struct Admins {
    verified: Mutex<HashMap<[u8; 32], Instant>>,
    salt: [u8; 32],
    failures: Failures,
}

impl Admins {
    /// `salt` is random per process: cache keys are worthless elsewhere.
    pub fn new(salt: [u8; 32]) -> Self {
        Self { verified: Mutex::default(), salt, failures: Failures::default() }
    }

    /// How long this name or address must wait, if at all.
    pub fn must_wait(&self, name: &str, address: &str) -> Option<Duration> {
        self.failures.must_wait(&format!("name:{name}")).max(self.failures.must_wait(&format!("address:{address}")))
    }

    /// Records a failed attempt.
    pub fn failed(&self, name: &str, address: &str) {
        self.failures.add(&format!("name:{name}"));
        self.failures.add(&format!("address:{address}"));
    }

    /// Whether the password is that of the enabled account `stored`.
    ///
    /// # Errors
    /// Internal, when the hashing task or the stored hash is broken.
    pub async fn verify(&self, name: &str, password: &str, stored: Option<&Credentials>) -> Result<bool, Problem> {
        let hash = stored.map_or(DECOY, |s| &s.password_hash).to_owned();
        let key = self.key(name, password, &hash);
        let usable = stored.is_some_and(|s| s.enabled);
        if usable && self.verified.lock().get(&key).is_some_and(|at| at.elapsed() < VERIFIED_FOR) {
            return Ok(true);
        }
        let password = password.to_owned();
        let matches = tokio::task::spawn_blocking(move || bcrypt::verify(password, &hash))
            .await
            .map_err(|e| Problem::internal(&e))?
            .map_err(|e| Problem::internal(&e))?;
        if usable && matches {
            let mut verified = self.verified.lock();
            if verified.len() >= VERIFIED_KEPT {
                verified.retain(|_, at| at.elapsed() < VERIFIED_FOR);
            }
            verified.insert(key, Instant::now());
        }
        Ok(usable && matches)
    }

    fn key(&self, name: &str, password: &str, hash: &str) -> [u8; 32] {
        let mut digest = Sha256::new();
        for part in [self.salt.as_slice(), name.as_bytes(), password.as_bytes(), hash.as_bytes()] {
            digest.update((part.len() as u64).to_be_bytes());
            digest.update(part);
        }
        digest.finalize().into()
    }
}

/// Hashes a password for storage, off the async threads.
///
/// # Errors
/// When bcrypt refuses the password (longer than 72 bytes) or the task dies.
pub async fn hash(password: String) -> anyhow::Result<String> {
    Ok(tokio::task::spawn_blocking(move || bcrypt::non_truncating_hash(password, COST)).await??)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_decoy_is_a_hash_of_the_same_cost_that_no_password_fits() {
        assert_eq!(DECOY.parse::<bcrypt::HashParts>().unwrap().get_cost(), COST);
        let admins = Admins::new([7; 32]);
        assert!(!admins.verify("nobody", "", None).await.unwrap());
    }
}
