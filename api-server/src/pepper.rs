//! What the pepper keys (SPEC §6): what stands in the database in place of a code, a password or an identity. Whoever has the
//! database alone cannot try values against it.

use hmac::{Hmac, Mac as _};
use sha2::Sha256;
use shared::domain::account::IdentityKind;
use shared::domain::email::Address;
use shared::domain::login_code::Code;
use shared::secret::{MIN_BYTES, Secret, same};

/// The pepper in use, and the one before it while it is being rotated. What is written is keyed with the first; what is looked for may
/// be keyed with either.
#[derive(Debug)]
pub struct Peppers {
    current: Secret,
    previous: Option<Secret>,
}

impl Peppers {
    /// Takes both in.
    #[must_use]
    pub fn new(current: Secret, previous: Option<Secret>) -> Self {
        Self { current, previous }
    }

    /// What stands for a code.
    #[must_use]
    pub fn code(&self, salt: &[u8], code: &Code) -> [u8; 32] {
        code_under(&self.current, salt, code)
    }

    /// Whether `hash` stands for the code. Each pepper is tried, so that the time does not tell which one it was.
    #[must_use]
    pub fn is_code(&self, hash: &[u8], salt: &[u8], code: &Code) -> bool {
        self.iter().fold(false, |is, pepper| is | same(&code_under(pepper, salt, code), hash))
    }

    /// What stands for a password where requests are compared: as good for that, and useless without the pepper. A plain hash of a body
    /// that has a password would lie in the database as a fast way around bcrypt.
    #[must_use]
    pub fn password(&self, password: &str) -> String {
        hex::encode(keyed(&self.current, &[b"idempotency of an administrator's password", password.as_bytes()]))
    }

    /// What stands for an identity after its account was deleted. An address counts in its normal form, however it was kept.
    #[must_use]
    pub fn identity(&self, kind: IdentityKind, external_id: &str) -> [u8; 32] {
        identity_under(&self.current, kind, external_id)
    }

    /// All that may stand for an identity.
    #[must_use]
    pub fn identities(&self, kind: IdentityKind, external_id: &str) -> Vec<Vec<u8>> {
        self.iter().map(|pepper| identity_under(pepper, kind, external_id).to_vec()).collect()
    }

    fn iter(&self) -> impl Iterator<Item = &Secret> {
        std::iter::once(&self.current).chain(&self.previous)
    }
}

fn code_under(pepper: &Secret, salt: &[u8], code: &Code) -> [u8; 32] {
    keyed(pepper, &[&(salt.len() as u64).to_be_bytes(), salt, code.as_bytes()])
}

fn identity_under(pepper: &Secret, kind: IdentityKind, external_id: &str) -> [u8; 32] {
    let normal = match kind {
        IdentityKind::Email => Address::parse(external_id).ok(),
        IdentityKind::Telegram => None,
    };
    let external_id = normal.as_ref().map_or(external_id, Address::as_str);
    // No code's input begins so: its salt would be longer than any memory.
    keyed(pepper, &[b"identity of a deleted account\0", kind.as_str().as_bytes(), b"\0", external_id.as_bytes()])
}

fn keyed(pepper: &Secret, parts: &[&[u8]]) -> [u8; 32] {
    debug_assert!(pepper.expose().len() >= MIN_BYTES, "the configuration refuses shorter ones");
    let mut mac = Hmac::<Sha256>::new_from_slice(pepper.expose().as_bytes())
        .unwrap_or_else(|_| unreachable!("HMAC takes keys of any length"));
    for part in parts {
        mac.update(part);
    }
    mac.finalize().into_bytes().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secret(text: &str) -> Secret {
        Secret::new(text.repeat(MIN_BYTES))
    }

    #[test]
    fn an_identity_stands_for_itself_in_every_spelling_and_for_no_other() {
        let peppers = Peppers::new(secret("a"), None);
        let of = |kind, id| peppers.identity(kind, id);
        let ada = of(IdentityKind::Email, "ada@xn--mnchen-3ya.example");
        assert_eq!(ada, of(IdentityKind::Email, "ada@münchen.example"));
        assert_eq!(ada, of(IdentityKind::Email, "\"ada\"@MÜNCHEN.example"));
        assert_ne!(ada, of(IdentityKind::Telegram, "ada@xn--mnchen-3ya.example"));
        assert_ne!(of(IdentityKind::Telegram, "12"), of(IdentityKind::Telegram, "13"));
    }

    #[test]
    fn both_peppers_of_a_rotation_find_what_was_written_and_the_new_one_writes() {
        let (old, new) = (Peppers::new(secret("a"), None), Peppers::new(secret("b"), Some(secret("a"))));
        let after = Peppers::new(secret("b"), None);
        let hash = old.identity(IdentityKind::Telegram, "12").to_vec();
        assert!(new.identities(IdentityKind::Telegram, "12").contains(&hash));
        assert!(!after.identities(IdentityKind::Telegram, "12").contains(&hash));
        assert_eq!(new.identity(IdentityKind::Telegram, "12"), after.identity(IdentityKind::Telegram, "12"));
    }
}
