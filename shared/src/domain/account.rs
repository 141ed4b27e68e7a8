//! Rules for what an account holds: names, languages, time zones, and the keys of sessions (SPEC §6).

use std::collections::HashSet;
use std::sync::LazyLock;

use super::fault::Fault;
use super::word::words;
use super::{race_name, text};

words! {
    /// Where an identity is from.
    IdentityKind, "kind of identity" {
        /// A Telegram account.
        Telegram = "telegram",
        /// An e-mail address.
        Email = "email",
    }

    /// Where a device session stands.
    SessionStatus, "status of a session" {
        /// Its token is good.
        Active = "active",
        /// Ended, for good.
        Revoked = "revoked",
    }

    /// What a sanction forbids.
    SanctionKind, "kind of sanction" {
        /// Opening sessions.
        LoginBlock = "login_block",
        /// Making private games.
        PrivateGameCreateBlock = "private_game_create_block",
        /// Managing own private games.
        PrivateGameManageBlock = "private_game_manage_block",
        /// Joining games.
        GameJoinBlock = "game_join_block",
        /// Changing profile and settings.
        ProfileUpdateBlock = "profile_update_block",
        /// Everything; it also ends whatever the account takes part in.
        PermanentBlock = "permanent_block",
    }
}

/// Shortest and longest user name, in characters.
pub const USER_NAME_LENGTH: std::ops::RangeInclusive<usize> = 3..=32;
/// Longest display name, in characters as people count them; [`text::name`] says how many code points they may take.
pub const DISPLAY_NAME_MAX: usize = 64;
/// Longest id of a messenger account, in characters.
pub const EXTERNAL_ID_MAX: usize = 128;

/// Words that would speak for the house, or for nobody. Whatever has the key of one of them is refused as a user name, so
/// `adm1n` and `a.d.m.i.n` are, too; names that only begin so are not.
const RESERVED: [&str; 79] = [
    "admin",
    "admins",
    "administrator",
    "administrators",
    "root",
    "superuser",
    "sysadmin",
    "sysop",
    "system",
    "sys",
    "daemon",
    "operator",
    "operators",
    "owner",
    "moderator",
    "moderators",
    "mod",
    "mods",
    "staff",
    "team",
    "crew",
    "official",
    "support",
    "help",
    "helpdesk",
    "service",
    "services",
    "info",
    "contact",
    "news",
    "security",
    "abuse",
    "trust",
    "safety",
    "privacy",
    "legal",
    "billing",
    "payments",
    "sales",
    "press",
    "postmaster",
    "hostmaster",
    "webmaster",
    "mailer-daemon",
    "no-reply",
    "do-not-reply",
    "mail",
    "bot",
    "api",
    "www",
    "http",
    "https",
    "ftp",
    "smtp",
    "localhost",
    "server",
    "gateway",
    "engine",
    "null",
    "nil",
    "undefined",
    "none",
    "unknown",
    "anonymous",
    "guest",
    "everyone",
    "everybody",
    "nobody",
    "somebody",
    "deleted",
    "self",
    "galaxy",
    "galaxy-team",
    "the-galaxy-team",
    "galaxy-staff",
    "galaxy-support",
    "galaxy-admin",
    "galaxy-official",
    "the-galaxy",
];

/// The keys of [`RESERVED`].
static RESERVED_KEYS: LazyLock<HashSet<String>> =
    LazyLock::new(|| RESERVED.iter().filter_map(|name| canonical_user_name(name)).collect());

/// A user name: ASCII letters, digits, `_`, `-` and `.`, starting with a letter or digit, nothing that reads as a link, and no
/// word of the house. The race-name rules' safer cousin: one script and nothing invisible, case is folded, and
/// [`canonical_user_name`] tells which of them look alike.
///
/// # Errors
/// What is wrong, under one of the codes `length`, `character`, `start`, `link` and `reserved`.
pub fn user_name(text: &str) -> Result<String, Fault> {
    let name = text.trim().to_ascii_lowercase();
    if !name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.')) {
        return Err(Fault::new("character", "a user name has only ASCII letters, digits, `_`, `-` and `.`"));
    }
    if !USER_NAME_LENGTH.contains(&name.len()) {
        let (least, most) = (USER_NAME_LENGTH.start(), USER_NAME_LENGTH.end());
        return Err(Fault::new("length", format!("a user name has {least} to {most} characters")));
    }
    if !name.starts_with(|c: char| c.is_ascii_alphanumeric()) {
        return Err(Fault::new("start", "a user name starts with a letter or a digit"));
    }
    if canonical_user_name(&name).is_some_and(|key| RESERVED_KEYS.contains(&key)) {
        return Err(Fault::new("reserved", "this user name, or one that looks like it, is kept for the house"));
    }
    if text::link::reads_as_link(&name) {
        return Err(Fault::new("link", "a user name does not read as a link"));
    }
    Ok(name)
}

/// What makes two user names the same to the eye: the canonical key of race names, by which `paypa1` is `paypal`, `adrnin` is
/// `admin`, and `a.b` is `ab`. `None` for a text that is no user name.
pub fn canonical_user_name(user_name: &str) -> Option<String> {
    race_name::read(user_name).ok().map(|name| name.canonical_key)
}

/// A display name, by the rules of [`text::name`].
///
/// # Errors
/// Those of [`text::name`].
pub fn display_name(text: &str) -> Result<String, Fault> {
    text::name("a display name", text, DISPLAY_NAME_MAX)
}

/// A display name from somebody who did not ask for our rules, such as a messenger: what may not stand is taken away, and
/// `None` is left where nothing of it can stand ([`text::cleaned`]).
pub fn display_name_hint(text: &str) -> Option<String> {
    text::cleaned(text, DISPLAY_NAME_MAX)
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

/// A BCP 47 language tag in canonical case (RFC 5646). Which languages there are is not asked; but a singleton or a variant that
/// stands twice makes a tag that no later reader has to take (RFC 5646 §2.2.5 and RFC 5646 §2.2.6).
///
/// # Errors
/// What is wrong, under the code `value`.
pub fn language(text: &str) -> Result<String, Fault> {
    if text.len() > 35 {
        return Err(Fault::new("value", "a language tag has at most 35 characters"));
    }
    let tag = oxilangtag::LanguageTag::parse_and_normalize(text)
        .map_err(|_| Fault::new("value", "not a BCP 47 language tag, such as en, pt-BR or zh-Hant-TW"))?;
    // A singleton is the one subtag of one character; behind x all is private.
    let all: Vec<&str> = tag.as_str().split('-').take_while(|subtag| *subtag != "x").collect();
    let singletons: Vec<&str> = all.into_iter().skip(1).filter(|subtag| subtag.len() == 1).collect();
    if has_twice(&singletons) || has_twice(&tag.variant_subtags().collect::<Vec<_>>()) {
        return Err(Fault::new("value", "a language tag has no extension and no variant twice"));
    }
    Ok(tag.into_inner())
}

/// Whether something stands twice, in whatever case.
fn has_twice(subtags: &[&str]) -> bool {
    subtags.iter().enumerate().any(|(at, one)| subtags.iter().skip(at + 1).any(|other| one.eq_ignore_ascii_case(other)))
}

/// An IANA time zone name, links such as `Asia/Calcutta` included, in the database's own case; as ECMA-402 has it, case does
/// not matter. A link stays what it is: the person chose that name.
///
/// # Errors
/// What is wrong, under the code `value`.
pub fn time_zone(text: &str) -> Result<String, Fault> {
    let zone = chrono_tz::TZ_VARIANTS.iter().find(|zone| zone.name().eq_ignore_ascii_case(text));
    zone.map(|zone| zone.name().to_owned())
        .ok_or_else(|| Fault::new("value", "not an IANA time zone name, such as Europe/Berlin or UTC"))
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
    use crate::domain::table;

    /// What a table says of a value: the value, `=` for as it was given, `!` and a code for a refusal.
    fn fate(given: &str, wanted: &str, found: Result<String, Fault>) -> Option<String> {
        let found = found.unwrap_or_else(|fault| format!("!{}", fault.code));
        let wanted = if wanted == "=" { given } else { wanted };
        (found != wanted).then_some(found)
    }

    #[test]
    fn every_user_name_has_the_fate_that_the_table_says() {
        let table = include_str!("../../tests/tables/user_names.tsv");
        table::check::<2>(table, 100, |[given, wanted]| fate(given, wanted, user_name(given)));
        for word in RESERVED {
            assert!(canonical_user_name(word).is_some(), "{word} has a key");
        }
    }

    #[test]
    fn every_display_name_has_the_fate_that_the_table_says() {
        let table = include_str!("../../tests/tables/names.tsv");
        table::check::<2>(table, 400, |[given, wanted]| fate(given, wanted, display_name(given)));
        // What was kept is kept again: a client may send back what it was answered.
        for (line, [given, _]) in table::rows::<2>(table) {
            if let Ok(name) = display_name(&given) {
                assert_eq!(display_name(&name).as_ref(), Ok(&name), "line {line}");
                assert_eq!(display_name_hint(&given), Some(name), "line {line}");
            }
        }
    }

    #[test]
    fn every_hint_has_the_fate_that_the_table_says() {
        let check = |table, least| {
            table::check::<2>(table, least, |[given, wanted]| {
                let found = display_name_hint(given).unwrap_or_else(|| "-".into());
                (found != *wanted).then_some(found)
            });
        };
        check(include_str!("../../tests/tables/hints.tsv"), 30);
        // Whatever is given, what comes out of it is a name.
        for (line, [given, _]) in table::rows::<2>(include_str!("../../tests/tables/names.tsv")) {
            let hint = display_name_hint(&given);
            assert!(hint.as_ref().is_none_or(|hint| display_name(hint).as_ref() == Ok(hint)), "line {line}: {hint:?}");
        }
    }

    #[test]
    fn length_is_what_people_count() {
        let family = "👨\u{200D}👩\u{200D}👧\u{200D}👦";
        assert!(display_name(&"é".repeat(64)).is_ok() && display_name(&"e\u{301}".repeat(64)).is_ok());
        assert!(display_name(&"👍🏿".repeat(64)).is_ok() && display_name(&family.repeat(36)).is_ok());
        for long in ["é".repeat(65), "🚀".repeat(65), family.repeat(37), format!("{}{}", "x".repeat(64), "🚀")] {
            assert_eq!(display_name(&long).unwrap_err().code, "length", "{long}");
        }
        // However much is given, it is judged at once: whatever looks around itself sees a bounded text.
        let virama = "क\u{94D}\u{200D}".repeat(300_000);
        assert_eq!(display_name(&virama).unwrap_err().code, "length");
        assert_eq!(display_name(&"\u{94D}\u{200D}".repeat(300_000)).unwrap_err().code, "length");
        assert!(display_name_hint(&format!("a{}", "\u{301}\u{316}".repeat(300_000))).is_some());
        assert!(race_name::parse(&virama).is_err());
        // A hint is cut between characters, never within one.
        assert_eq!(display_name_hint(&family.repeat(40)), Some(family.repeat(36)));
        assert_eq!(display_name_hint(&"e\u{301}".repeat(70)), Some("é".repeat(64)));
        assert_eq!(display_name_hint(&format!("{} y", "x".repeat(63))), Some("x".repeat(63)));
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
    fn external_ids_are_plain() {
        assert_eq!(external_id(" 123456789 ").unwrap(), "123456789");
        for bad in ["", " ", "a b", "ключ", "a\u{200B}", &"1".repeat(129)] {
            assert!(external_id(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn every_language_and_zone_has_the_fate_that_the_table_says() {
        let check = |table, least, rule: fn(&str) -> Result<String, Fault>| {
            table::check::<2>(table, least, |[given, wanted]| {
                let found = rule(given).unwrap_or_else(|_| "!".into());
                let wanted = if wanted == "=" { given } else { wanted };
                (found != *wanted).then_some(found)
            });
        };
        check(include_str!("../../tests/tables/languages.tsv"), 100, language);
        check(include_str!("../../tests/tables/zones.tsv"), 150, time_zone);
    }

    #[test]
    fn every_zone_of_the_database_is_one_in_any_case() {
        for zone in chrono_tz::TZ_VARIANTS {
            let name = zone.name();
            assert_eq!(time_zone(name).as_deref(), Ok(name));
            assert_eq!(time_zone(&name.to_ascii_uppercase()).as_deref(), Ok(name));
        }
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
