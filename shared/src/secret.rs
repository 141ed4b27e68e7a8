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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_prints_as_redacted_however_deep_it_sits() {
        #[derive(Debug)]
        struct Outer {
            #[allow(dead_code)]
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
}
