//! Race names: what may be one, and the canonical key by which two are the same (SPEC §7).
//!
//! The key is NFKC, full case folding, the confusables skeleton of UTS 39 §4, and no separators. Scripts may not be mixed
//! within a name (UTS 39 §5.1, with the augmented sets that let Japanese and Korean stand).

use unicode_normalization::UnicodeNormalization as _;
use unicode_security::{GeneralSecurityProfile as _, MixedScript as _};

/// The most characters of a race name, after normalisation.
pub const MAX_LENGTH: usize = 32;

/// A race name that may stand, and its key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RaceName {
    /// As shown: NFC, trimmed, inner white space folded to single spaces.
    pub name: String,
    /// What is unique.
    pub canonical_key: String,
}

/// Reads a race name.
///
/// # Errors
/// Why it may not stand, for people.
pub fn parse(text: &str) -> Result<RaceName, String> {
    let name: String = text.split_whitespace().collect::<Vec<_>>().join(" ").nfc().collect();
    let length = name.chars().count();
    if length == 0 || length > MAX_LENGTH {
        return Err(format!("a race name has 1 to {MAX_LENGTH} characters"));
    }
    // Full-width and other compatibility forms are folded before the check: they are spellings, not attacks by themselves.
    let folded: String = name.nfkc().collect();
    if let Some(odd) = folded.chars().find(|c| !is_separator(*c) && !c.identifier_allowed()) {
        return Err(format!("the character U+{:04X} cannot be used in a race name", u32::from(odd)));
    }
    if !folded.chars().any(char::is_alphanumeric) {
        return Err("a race name has at least one letter or digit".into());
    }
    let letters: String = folded.chars().filter(|c| !is_separator(*c)).collect();
    if !letters.as_str().is_single_script() {
        return Err("a race name does not mix scripts".into());
    }
    Ok(RaceName { canonical_key: canonical_key(&name), name })
}

/// What may part the words of a name; it does not count towards identity.
fn is_separator(c: char) -> bool {
    matches!(c, ' ' | '-' | '_' | '\'' | '.' | '\u{2019}' | '\u{00B7}')
}

/// The key of any text. Skeletons are not stable under case folding, nor folding under skeletons, so both are applied until
/// nothing changes. The letter "I" needs a rule of its own: it is the same letter as "i", and looks like "l" and "1", so for
/// a key that honours both, all four are one.
fn canonical_key(text: &str) -> String {
    let mut key: String = text.to_owned();
    for _ in 0..8 {
        let folded: String = caseless::default_case_fold_str(&key.nfkc().collect::<String>());
        let skeleton = unicode_security::skeleton(&folded).nfkc().filter(|c| !is_separator(*c));
        let next: String = skeleton.map(|c| if c == 'i' { 'l' } else { c }).collect();
        if next == key {
            break;
        }
        key = next;
    }
    key
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(text: &str) -> String {
        parse(text).unwrap_or_else(|why| panic!("{text:?}: {why}")).canonical_key
    }

    #[test]
    fn look_alikes_have_one_key() {
        for (a, b) in [
            ("Zergling", "ZERGLING"),
            ("Star Fish", "star-fish"),
            ("Star Fish", "StarFish"),
            ("Ｚｅｒｇ", "zerg"),
            ("Straße", "STRASSE"),
            ("paypal", "раураӏ"),
            ("O0O", "000"),
            ("re\u{301}sume\u{301}", "résumé"),
            ("B1ll", "BIll"),
            ("BILL", "blll"),
            ("rnars", "mars"),
        ] {
            assert_eq!(key(a), key(b), "{a:?} {b:?}");
        }
        assert_ne!(key("Zerg"), key("Protoss"));
        assert_ne!(key("resume"), key("résumé"));
    }

    #[test]
    fn keys_are_stable() {
        for name in ["Zergling", "Straße", "İstanbul", "ΌΣΟΣ", "원숭이", "カタカナ", "Illl1"] {
            let once = key(name);
            assert_eq!(canonical_key(&once), once, "{name}");
        }
    }

    #[test]
    fn tricks_are_refused() {
        for bad in [
            "",
            "   ",
            "a\u{200B}b",
            "a\u{202E}b",
            "pаypal",
            "x\u{0}y",
            "---",
            "😀",
            &"x".repeat(33),
            "a\u{FEFF}b",
            "Ω-mega",
        ] {
            assert!(parse(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn other_scripts_stand() {
        for good in ["Земляне", "Ελληνες", "漢字かな", "한국인", "עברים", "Zerg 2"] {
            assert!(parse(good).is_ok(), "{good}: {:?}", parse(good));
        }
    }
}
