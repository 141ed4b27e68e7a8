//! What is kept in the database so that the database alone does not tell it: sealed with `BACKEND_SECRETS_KEY`
//! (ChaCha20-Poly1305, RFC 8439). Each text is bound to what it is for, so that no row's stands in another's.
//!
//! A sealed text is one byte of version, the nonce, and the ciphertext with its tag.

use std::fmt;

use hmac::{Hmac, Mac as _};
use ring::aead::{Aad, CHACHA20_POLY1305, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use sha2::Sha256;
use shared::random::Random;
use shared::secret::Secret;

/// The one version that there is.
const VERSION: u8 = 1;

/// The key in use, and the one before it while it is being rotated. What is sealed is sealed with the first; what is opened may be
/// sealed with either.
pub struct Sealer {
    current: LessSafeKey,
    previous: Option<LessSafeKey>,
}

impl fmt::Debug for Sealer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Sealer { .. }")
    }
}

/// What was to be sealed is too long: gigabytes.
#[derive(Debug, Clone, Copy)]
pub struct TooLong;

impl fmt::Display for TooLong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("too long to be sealed")
    }
}

impl Sealer {
    /// From the settings' secrets, of which keys are made.
    #[must_use]
    pub fn new(current: &Secret, previous: Option<&Secret>) -> Self {
        Self { current: key(current), previous: previous.map(key) }
    }

    /// Seals a text that is for `purpose`.
    ///
    /// # Errors
    /// [`TooLong`].
    pub fn seal(&self, random: &Random, purpose: &[u8], text: &[u8]) -> Result<Vec<u8>, TooLong> {
        let nonce: [u8; NONCE_LEN] = random.bytes();
        let mut sealed = text.to_vec();
        self.current
            .seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), Aad::from(purpose), &mut sealed)
            .map_err(|_| TooLong)?;
        let mut whole = Vec::with_capacity(1 + NONCE_LEN + sealed.len());
        whole.push(VERSION);
        whole.extend_from_slice(&nonce);
        whole.append(&mut sealed);
        Ok(whole)
    }

    /// Opens what was sealed for `purpose`; `None` where neither key opens it.
    #[must_use]
    pub fn open(&self, purpose: &[u8], sealed: &[u8]) -> Option<Secret<Vec<u8>>> {
        let (version, rest) = sealed.split_first()?;
        let (nonce, sealed) = rest.split_at_checked(NONCE_LEN).filter(|_| *version == VERSION)?;
        [Some(&self.current), self.previous.as_ref()].into_iter().flatten().find_map(|key| {
            let nonce = Nonce::try_assume_unique_for_key(nonce).ok()?;
            let mut text = sealed.to_vec();
            let length = key.open_in_place(nonce, Aad::from(purpose), &mut text).ok()?.len();
            text.truncate(length);
            Some(Secret::new(text))
        })
    }
}

fn key(secret: &Secret) -> LessSafeKey {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.expose().as_bytes())
        .unwrap_or_else(|_| unreachable!("HMAC takes keys of any length"));
    mac.update(b"galaxy: what is sealed at rest");
    let bytes: [u8; 32] = mac.finalize().into_bytes().into();
    let key = UnboundKey::new(&CHACHA20_POLY1305, &bytes);
    LessSafeKey::new(key.unwrap_or_else(|_| unreachable!("the key has the length that the cipher wants")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secret(text: &str) -> Secret {
        Secret::new(text.repeat(32))
    }

    #[test]
    fn what_is_sealed_is_opened_for_its_purpose_by_either_key_and_by_no_other() {
        let random = Random::system();
        let old = Sealer::new(&secret("a"), None);
        let sealed = old.seal(&random, b"ada", b"twenty bytes of text").unwrap();
        assert!(!sealed.windows(6).any(|part| part == b"twenty"));
        assert_ne!(sealed, old.seal(&random, b"ada", b"twenty bytes of text").unwrap(), "each has its own nonce");
        let rotated = Sealer::new(&secret("b"), Some(&secret("a")));
        for sealer in [&old, &rotated] {
            assert_eq!(sealer.open(b"ada", &sealed).unwrap().expose(), b"twenty bytes of text");
            assert!(sealer.open(b"bob", &sealed).is_none());
        }
        let resealed = rotated.seal(&random, b"ada", b"x").unwrap();
        assert!(old.open(b"ada", &resealed).is_none());
        assert!(Sealer::new(&secret("b"), None).open(b"ada", &sealed).is_none());
        for at in 0..sealed.len() {
            let mut changed = sealed.clone();
            changed[at] ^= 1;
            assert!(old.open(b"ada", &changed).is_none(), "byte {at}");
        }
        for end in 0..sealed.len() {
            assert!(old.open(b"ada", &sealed[..end]).is_none(), "{end} bytes");
        }
    }
}
