//! Countries, as far as an address tells.

use std::fmt;
use std::str::FromStr;

/// The form of an ISO 3166-1 alpha-2 code: two capital letters. Which of them are assigned is the database's business, and
/// changes.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CountryCode([u8; 2]);

impl CountryCode {
    /// The two letters.
    #[must_use]
    pub fn as_str(&self) -> &str {
        // Letters of ASCII, as `from_str` has seen to.
        std::str::from_utf8(&self.0).unwrap_or_default()
    }
}

impl fmt::Display for CountryCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for CountryCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A text that is not two capital letters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a country code of two capital letters")]
pub struct NoCountryCode;

impl FromStr for CountryCode {
    type Err = NoCountryCode;
    fn from_str(s: &str) -> Result<Self, NoCountryCode> {
        match *s.as_bytes() {
            [a, b] if a.is_ascii_uppercase() && b.is_ascii_uppercase() => Ok(Self([a, b])),
            _ => Err(NoCountryCode),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_capital_letters_and_nothing_else() {
        assert_eq!("DE".parse::<CountryCode>().unwrap().as_str(), "DE");
        for bad in ["", "D", "de", "DEU", "D1", "É", "ÄÖ"] {
            assert_eq!(bad.parse::<CountryCode>(), Err(NoCountryCode), "{bad:?}");
        }
    }
}
