//! Values that must not be seen: they cannot be printed or serialised, and are wiped when dropped.

use subtle::ConstantTimeEq as _;
use zeroize::Zeroize;

/// A value that prints as `[redacted]`, has no `Display` and no `Serialize`, and is zeroized on drop (SPEC §16).
///
/// There is no `PartialEq` either: compare with [`same`].
#[derive(Clone)]
pub struct Secret<T: Zeroize = String>(T);

impl<T: Zeroize> Secret<T> {
    /// Takes a value in.
    pub fn new(value: T) -> Self {
        Self(value)
    }

    /// The value itself. Every call is a place to check that it goes nowhere it should not.
    pub fn expose(&self) -> &T {
        &self.0
    }
}

impl<T: Zeroize> From<T> for Secret<T> {
    fn from(value: T) -> Self {
        Self::new(value)
    }
}

impl<T: Zeroize> std::fmt::Debug for Secret<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("[redacted]")
    }
}

impl<T: Zeroize> Drop for Secret<T> {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

/// Whether two byte strings are equal, in time that depends only on their lengths.
///
/// The length itself is not hidden: hash first where it is a secret.
#[must_use]
pub fn same(a: &[u8], b: &[u8]) -> bool {
    a.ct_eq(b).into()
}

/// Shortest token or pepper that is taken, in bytes (SPEC §4): 256 bits where the bytes are random.
pub const MIN_BYTES: usize = 32;

/// The bearer tokens of one role: the one in use, and while it is being rotated the one before it.
#[derive(Clone, Debug)]
pub struct Tokens {
    current: Secret,
    previous: Option<Secret>,
}

impl Tokens {
    /// Takes both in.
    #[must_use]
    pub fn new(current: Secret, previous: Option<Secret>) -> Self {
        Self { current, previous }
    }

    /// Whether `shown` is one of them. Each is compared, so that the time does not tell which one it was.
    #[must_use]
    pub fn hold(&self, shown: &[u8]) -> bool {
        self.iter().fold(false, |held, token| held | same(token.expose().as_bytes(), shown))
    }

    /// Whether both roles know the same token.
    #[must_use]
    pub fn share_one_with(&self, other: &Self) -> bool {
        self.iter().any(|token| other.hold(token.expose().as_bytes()))
    }

    fn iter(&self) -> impl Iterator<Item = &Secret> {
        std::iter::once(&self.current).chain(&self.previous)
    }
}

impl From<Secret> for Tokens {
    fn from(current: Secret) -> Self {
        Self::new(current, None)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_prints_as_redacted_however_deep_it_sits() {
        #[derive(Debug)]
        struct Outer {
            #[expect(dead_code, reason = "Debug reads it")]
            inner: Option<Secret>,
        }
        let printed = format!("{:?}", Outer { inner: Some(Secret::new("hunter2".to_owned())) });
        assert_eq!(printed, "Outer { inner: Some([redacted]) }");
    }

    #[test]
    fn same_compares_content_and_length() {
        assert!(same(b"token", b"token"));
        assert!(!same(b"token", b"tokeN"));
        assert!(!same(b"token", b"token2"));
        assert!(same(b"", b""));
    }

    #[test]
    fn both_tokens_of_a_rotation_hold_and_nothing_else() {
        let secret = |text: &str| Secret::new(text.to_owned());
        let one = Tokens::from(secret("new"));
        let two = Tokens::new(secret("new"), Some(secret("old")));
        assert!(one.hold(b"new") && !one.hold(b"old"));
        assert!(two.hold(b"new") && two.hold(b"old"));
        for other in ["", "ne", "newold", "new,old", "OLD"] {
            assert!(!two.hold(other.as_bytes()), "{other}");
        }
        assert!(two.share_one_with(&Tokens::from(secret("old"))) && !one.share_one_with(&Tokens::from(secret("old"))));
    }
}
