//! Codes that are mailed for a sign-in (SPEC §6): how they are made, how they are shown, and how what a person types is read.

use super::crockford;
use crate::random::Random;
use crate::secret::Secret;

/// Characters of a short code, digits all.
const SHORT: usize = 6;
/// Characters of a long code: five bits each, 60 in all. No number of tries that a network can carry finds it while it lives.
const LONG: usize = 12;

/// A code in its one form: capitals and digits, without groups.
#[derive(Debug, Clone)]
pub struct Code(Secret);

impl Code {
    /// Six digits, for an address that nobody bothers.
    #[must_use]
    pub fn short(random: &Random) -> Self {
        Self(Secret::new(format!("{:06}", random.below(1_000_000))))
    }

    /// 60 bits, for a guarded address.
    #[must_use]
    pub fn long(random: &Random) -> Self {
        let draw = || crockford::symbol(random.below(32).into());
        Self(Secret::new(std::iter::repeat_with(draw).take(LONG).collect()))
    }

    /// What a person typed ([`crockford::read`]). `None` where no code looks like that.
    #[must_use]
    pub fn read(typed: &str) -> Option<Self> {
        let code = crockford::read(typed, LONG)?;
        let short = code.len() == SHORT && code.bytes().all(|b| b.is_ascii_digit());
        (short || code.len() == LONG).then(|| Self(Secret::new(code)))
    }

    /// As it stands in the mail: long ones in groups, `7KQ4-9XNM-2RTD`.
    #[must_use]
    pub fn shown(&self) -> String {
        let code = self.0.expose();
        if code.len() <= SHORT {
            return code.clone();
        }
        crockford::grouped(code)
    }

    /// What is hashed.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        self.0.expose().as_bytes()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn read(typed: &str) -> Option<String> {
        Code::read(typed).map(|code| code.shown())
    }

    #[test]
    fn a_long_code_has_sixty_bits_of_an_alphabet_without_doubles() {
        assert_eq!(LONG * 5, 60);
        let random = Random::seeded(7);
        let codes: BTreeSet<String> = (0..500).map(|_| Code::long(&random).shown()).collect();
        assert_eq!(codes.len(), 500);
        let letters: BTreeSet<char> = codes.iter().flat_map(|code| code.chars()).collect();
        assert_eq!(letters.len(), 33, "every character of the alphabet, and the dash: {letters:?}");
        for code in &codes {
            assert_eq!(code.split('-').map(str::len).collect::<Vec<_>>(), [4, 4, 4], "{code}");
            assert_eq!(read(code).as_ref(), Some(code));
        }
        let short = Code::short(&random).shown();
        assert_eq!(read(&short), Some(short));
    }

    #[test]
    fn a_code_is_read_as_people_write_it() {
        for typed in [
            "7KQ4-9XNM-2RTD",
            "7kq49xnm2rtd",
            " 7kq4 9xnm 2rtd ",
            "7KQ4\u{2013}9XNM\u{2014}2RTD",
            "7KQ4\u{2212}9XNM\u{a0}2RTD\n",
            "\u{200b}7KQ4-9XNM-2RTD\u{feff}",
            "\u{ff17}KQ4-9XNM-2RTD",
            "7-K-Q-4-9-X-N-M-2-R-T-D",
        ] {
            assert_eq!(read(typed).as_deref(), Some("7KQ4-9XNM-2RTD"), "{typed:?}");
        }
        assert_eq!(read("oOiI-lL00-1111").as_deref(), Some("0011-1100-1111"));
        for typed in ["048151", "048 151", "048-151", "0 4 8 1 5 1", "\t048151\r\n", "O48l5i"] {
            assert_eq!(read(typed).as_deref(), Some("048151"), "{typed:?}");
        }
    }

    #[test]
    fn what_no_code_looks_like_is_none() {
        for typed in [
            "",
            " ",
            "-",
            "04815",
            "0481516",
            "ABCDEF",
            "7KQ4-9XNM-2RT",
            "7KQ4-9XNM-2RTDD",
            "7KQ4-9XNM-2RTU",
            "04815é",
            "04815*",
        ] {
            assert_eq!(read(typed), None, "{typed:?}");
        }
        assert_eq!(read(&"0".repeat(100_000)), None);
    }

    #[test]
    fn a_code_is_not_printed() {
        assert_eq!(format!("{:?}", Code::read("048151").unwrap()), "Code([redacted])");
    }
}
