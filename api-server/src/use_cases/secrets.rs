//! Secrets that are given once: tokens of sessions and programs, cookies, tickets, recovery codes. The database has their
//! SHA-256: they hold so many random bits that nobody finds them by trying.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest as _, Sha256};
use shared::random::Random;
use shared::secret::Secret;

/// What a program's token begins with, so that it is known where it should not be.
const TOKEN: &str = "galaxy_admin_";

/// 256 random bits, as they stand in a cookie or a body.
pub fn fresh(random: &Random) -> Secret {
    Secret::new(URL_SAFE_NO_PAD.encode(random.bytes::<32>()))
}

/// A program's token.
pub fn fresh_token(random: &Random) -> Secret {
    Secret::new(format!("{TOKEN}{}", fresh(random).expose()))
}

/// Whether this may be a program's token.
pub fn is_program_token(text: &str) -> bool {
    text.starts_with(TOKEN)
}

/// As the database has it.
pub fn hash(secret: &str) -> [u8; 32] {
    Sha256::digest(secret.as_bytes()).into()
}
