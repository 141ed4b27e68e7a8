//! Rules for what an account holds: names, languages, time zones, and the keys of sessions (SPEC §6).

use super::{race_name, text};

/// Shortest and longest user name, in characters.
pub const USER_NAME_LENGTH: std::ops::RangeInclusive<usize> = 3..=32;
/// Longest display name, in characters.
pub const DISPLAY_NAME_MAX: usize = 64;
/// Longest id of a messenger account, in characters.
pub const EXTERNAL_ID_MAX: usize = 128;

/// A user name: ASCII letters, digits, `_`, `-` and `.`, starting with a letter or digit. The race-name rules' safer cousin:
/// one script and nothing invisible, case is folded, and [`canonical_user_name`] tells which of them look alike.
///
/// # Errors
/// What is wrong, for people.
pub fn user_name(text: &str) -> Result<String, String> {
    let name = text.trim().to_ascii_lowercase();
    if !USER_NAME_LENGTH.contains(&name.chars().count()) {
        return Err(format!("a user name has {} to {} characters", USER_NAME_LENGTH.start(), USER_NAME_LENGTH.end()));
    }
    if !name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.')) {
        return Err("a user name has only ASCII letters, digits, `_`, `-` and `.`".into());
    }
    if !name.starts_with(|c: char| c.is_ascii_alphanumeric()) {
        return Err("a user name starts with a letter or a digit".into());
    }
    Ok(name)
}

/// What makes two user names the same to the eye: the canonical key of race names, by which `paypa1` is `paypal`, `adrnin` is
/// `admin`, and `a.b` is `ab`. `None` for a text that is no user name.
pub fn canonical_user_name(user_name: &str) -> Option<String> {
    race_name::parse(user_name).ok().map(|name| name.canonical_key)
}

/// A display name, by the rules of [`text::name`].
///
/// # Errors
/// What is wrong, for people.
pub fn display_name(text: &str) -> Result<String, String> {
    text::name("a display name", text, DISPLAY_NAME_MAX)
}

/// The id of an account elsewhere: visible ASCII, kept as it is.
///
/// # Errors
/// What is wrong, for people.
pub fn external_id(text: &str) -> Result<String, String> {
    let id = text.trim();
    if (1..=EXTERNAL_ID_MAX).contains(&id.len()) && id.bytes().all(|b| b.is_ascii_graphic()) {
        return Ok(id.to_owned());
    }
    Err(format!("an external id has 1 to {EXTERNAL_ID_MAX} visible ASCII characters"))
}

/// A BCP 47 language tag in canonical case (RFC 5646).
///
/// # Errors
/// What is wrong, for people.
pub fn language(text: &str) -> Result<String, String> {
    if text.len() > 35 {
        return Err("a language tag has at most 35 characters".into());
    }
    oxilangtag::LanguageTag::parse_and_normalize(text)
        .map(|tag| tag.into_inner())
        .map_err(|e| format!("not a BCP 47 language tag: {e}"))
}

/// An IANA time zone name.
///
/// # Errors
/// What is wrong, for people.
pub fn time_zone(text: &str) -> Result<String, String> {
    text.parse::<chrono_tz::Tz>().map(|tz| tz.name().to_owned()).map_err(|_| "not an IANA time zone name".into())
}

/// An Ed25519 public key from its base64 form: 32 bytes, a point of the curve, not of small order. A small-order key
/// would let anybody forge signatures that verify under it.
///
/// # Errors
/// What is wrong, for people.
pub fn client_public_key(text: &str) -> Result<[u8; 32], String> {
    use base64::Engine as _;
    let bytes =
        base64::engine::general_purpose::STANDARD.decode(text).map_err(|e| format!("not base64 (RFC 4648 §4): {e}"))?;
    let bytes: [u8; 32] =
        bytes.try_into().map_err(|b: Vec<u8>| format!("an Ed25519 public key has 32 bytes, not {}", b.len()))?;
    let key =
        ed25519_dalek::VerifyingKey::from_bytes(&bytes).map_err(|_| "not a point of the curve Ed25519".to_owned())?;
    if key.is_weak() {
        return Err("a point of small order is no public key".into());
    }
    // from_bytes accepts encodings that are not canonical; two keys for one point would be two names for one signer.
    if key.to_edwards().compress().to_bytes() != bytes {
        return Err("not the canonical encoding of its point".into());
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn user_names_have_one_form() {
        assert_eq!(user_name(" Ada.L-1 ").unwrap(), "ada.l-1");
        for bad in ["", "ab", &"a".repeat(33), "ада", "a b", "_ab", "a\u{200B}bc"] {
            assert!(user_name(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn user_names_that_look_alike_are_one() {
        let key = |name: &str| canonical_user_name(name).unwrap_or_else(|| panic!("{name}"));
        for (a, b) in [("paypal", "paypa1"), ("admin", "adrnin"), ("a.b-c", "ab_c"), ("zero0", "zeroo"), ("ill", "1ll")]
        {
            assert_eq!(key(a), key(b), "{a} {b}");
        }
        assert_ne!(key("ada"), key("bob"));
        // Placeholders of different numbers never meet.
        assert_ne!(key("player-0000000a"), key("player-0000000b"));
        assert_eq!(canonical_user_name("a b\u{0}"), None);
    }

    #[test]
    fn display_names_show_everything_they_have() {
        assert_eq!(display_name(" Ада Лавлейс ").unwrap(), "Ада Лавлейс");
        for bad in ["", "  ", &"x".repeat(65), "a\u{202E}b", "a\nb", "a\u{200D}b", "pаypal"] {
            assert!(display_name(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn external_ids_are_plain() {
        assert_eq!(external_id(" 123456789 ").unwrap(), "123456789");
        for bad in ["", " ", "a b", "ключ", "a\u{200B}", &"1".repeat(129)] {
            assert!(external_id(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn languages_and_zones_are_canonical() {
        assert_eq!(language("EN-us").unwrap(), "en-US");
        assert!(language("not a tag").is_err() && language("").is_err());
        assert_eq!(time_zone("Europe/Berlin").unwrap(), "Europe/Berlin");
        assert!(time_zone("Mars/Olympus").is_err());
    }

    #[test]
    fn keys_are_real_points_of_large_order() {
        use base64::Engine as _;
        let encode = |b: &[u8]| base64::engine::general_purpose::STANDARD.encode(b);
        // RFC 8032 §7.1, test 1.
        let good = [
            0xd7, 0x5a, 0x98, 0x01, 0x82, 0xb1, 0x0a, 0xb7, 0xd5, 0x4b, 0xfe, 0xd3, 0xc9, 0x64, 0x07, 0x3a, 0x0e, 0xe1,
            0x72, 0xf3, 0xda, 0xa6, 0x23, 0x25, 0xaf, 0x02, 0x1a, 0x68, 0xf7, 0x07, 0x51, 0x1a,
        ];
        assert_eq!(client_public_key(&encode(&good)).unwrap(), good);
        let mut identity = [0u8; 32];
        identity[0] = 1;
        for (bad, why) in [
            (encode(&identity), "small order"),
            (encode(&[0; 32]), "small order"),
            (encode(&good[..31]), "32 bytes"),
            ("%%".into(), "base64"),
        ] {
            assert!(client_public_key(&bad).unwrap_err().contains(why), "{bad}");
        }
    }
}
