//! The domain's parsers, from the rows of their tables: what is taken has one form, which is taken again and is bounded; what is
//! refused is refused by a word.

use testkit::fuzz::Target;

use super::image_reference::{AllowedRegistries, ImageReference};
use super::{
    account, email, engine_version, excerpt, game_settings, invite_code, login_code, name, network, race_name, table,
    text,
};

/// The first field of each row.
fn given<const FIELDS: usize>(rows: &str) -> Vec<String> {
    table::rows::<FIELDS>(rows).map(|(_, fields)| fields[0].clone()).collect()
}

/// What is read twice is what was read once.
fn settles<E: std::fmt::Debug>(given: &str, read: impl Fn(&str) -> Result<String, E>) {
    if let Ok(once) = read(given) {
        let again = read(&once).unwrap_or_else(|error| panic!("{once:?}, of {given:?}: {error:?}"));
        assert_eq!(again, once, "{given:?}");
    }
}

#[test]
fn an_address_has_one_form_within_the_bounds_of_smtp() {
    let words =
        &["@", "xn--", ".org", "\"", "\\\"", "例子", "=?", "[127.0.0.1]", "xn--mnchen-3ya", "..", "ｅ", "\u{3002}"];
    let rows = given::<2>(include_str!("../../tests/tables/addresses.tsv"));
    Target::new(6_000).samples(rows).words(words).texts(|given| {
        let Ok(address) = email::Address::parse(given) else { return };
        assert_eq!(email::Address::parse(address.as_str()).as_ref(), Ok(&address));
        assert_eq!(format!("{}@{}", address.local_part(), address.domain()), address.as_str());
        assert!(address.as_str().len() <= 254 && address.local_part().len() <= 64);
        assert!(address.domain().is_ascii() && address.domain().contains('.'));
        assert!(!address.as_str().contains(|c: char| c.is_control() || c.is_whitespace() || "<>,;\"\\".contains(c)));
        let spellings = address.spellings();
        assert!(spellings.len() <= 4);
        for spelling in spellings {
            assert_eq!(email::Address::parse(&spelling).as_ref(), Ok(&address), "{spelling:?}");
        }
    });
}

const NAMES: &str = include_str!("../../tests/tables/names.tsv");
const PIECES: &[&str] = &[
    "\u{200d}",
    "\u{200c}",
    "\u{fe0f}",
    "👩",
    "🏴",
    "\u{e007f}",
    "क\u{94d}",
    "\u{1025}",
    "ก",
    "ب",
    "Д",
    "Å",
    ".com",
    "t.me",
    "://",
    "\u{3099}",
    "カ",
    "\u{1f3fb}",
    "1\u{20e3}",
    "\u{5b0}",
    "  ",
    "\u{f72}",
];

#[test]
fn a_name_has_one_form_and_so_has_what_is_made_of_a_hint() {
    let codes = [
        "line_break",
        "blank",
        "length",
        "control_character",
        "bidi_control",
        "invisible_character",
        "unassigned_character",
        "marks",
        "mixed_scripts",
        "link",
    ];
    let samples = given::<2>(NAMES).into_iter().chain(given::<2>(include_str!("../../tests/tables/hints.tsv")));
    Target::new(3_000).samples(samples).words(PIECES).texts(|given| {
        match account::display_name(given) {
            Ok(name) => {
                assert!((1..=256).contains(&name.chars().count()));
                assert!(!name.contains(char::is_control) && name.trim() == name, "{name:?}");
            }
            Err(fault) => assert!(codes.contains(&fault.code) && fault.detail.len() < 200, "{fault:?}"),
        }
        settles(given, account::display_name);
        settles(given, name::game_name);
        if let Some(hint) = account::display_name_hint(given) {
            assert_eq!(account::display_name(&hint).as_ref(), Ok(&hint), "{given:?}");
        }
    });
}

#[test]
fn a_longer_text_has_one_form() {
    Target::new(5_000).samples(given::<2>(NAMES)).words(PIECES).texts(|given| {
        settles(given, name::game_description);
        settles(given, |given| text::remark("a reason", given, 500));
        if let Ok(text) = name::game_description(given) {
            assert!(text.chars().count() <= name::GAME_DESCRIPTION_MAX);
            assert!(!text.contains(|c: char| c.is_control() && c != '\n' && c != '\t'), "{text:?}");
        }
    });
}

#[test]
fn a_user_name_is_plain_and_has_a_key() {
    let codes = ["length", "character", "start", "link", "reserved"];
    let words = &["-", "_", ".", "admin", "rn", "0", ".com", "www.", " "];
    let rows = given::<2>(include_str!("../../tests/tables/user_names.tsv"));
    Target::new(3_000).samples(rows).words(words).texts(|given| {
        settles(given, account::user_name);
        match account::user_name(given) {
            Ok(name) => {
                assert!(account::USER_NAME_LENGTH.contains(&name.len()) && name.bytes().all(|b| b.is_ascii_graphic()));
                assert!(account::canonical_user_name(&name).is_some());
            }
            Err(fault) => assert!(codes.contains(&fault.code), "{fault:?}"),
        }
        settles(given, account::external_id);
    });
}

#[test]
fn a_race_name_has_one_form_and_one_key() {
    let rows = given_races();
    Target::new(2_500).samples(rows).words(PIECES).texts(|given| {
        let Ok(name) = race_name::parse(given) else { return };
        assert_eq!(race_name::parse(&name.name).as_ref(), Ok(&name));
        assert!(name.name.chars().count() <= race_name::MAX_LENGTH && !name.canonical_key.is_empty());
        // Longest: a ligature of Arabic, 18 letters.
        assert!(name.canonical_key.chars().count() <= 20 * race_name::MAX_LENGTH, "{name:?}");
    });
}

fn given_races() -> Vec<String> {
    table::rows::<3>(include_str!("../../tests/tables/race_names.tsv")).map(|(_, [_, name, _])| name).collect()
}

#[test]
fn a_language_and_a_zone_are_what_was_given_but_for_case() {
    let words = &["-Latn", "-u-", "x-", "i-klingon", "-1994", "Europe/", "GMT", "+1"];
    let languages = given::<2>(include_str!("../../tests/tables/languages.tsv"));
    let zones = given::<2>(include_str!("../../tests/tables/zones.tsv"));
    Target::new(4_000).samples(languages.into_iter().chain(zones)).words(words).texts(|given| {
        settles(given, account::language);
        settles(given, account::time_zone);
        for read in [account::language(given), account::time_zone(given)].into_iter().flatten() {
            assert!(read.eq_ignore_ascii_case(given), "{read:?} of {given:?}");
        }
    });
}

#[test]
fn a_key_is_the_bytes_of_its_one_spelling() {
    use base64::Engine as _;
    let samples = ["11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=", "AQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="];
    Target::new(4_000).samples(samples).words(&["=", "/", "+", "A", "7", "f"]).texts(|given| {
        if let Ok(key) = account::client_public_key(given) {
            assert_eq!(base64::engine::general_purpose::STANDARD.encode(key), given);
        }
    });
}

#[test]
fn an_image_is_read_from_its_normal_form_as_from_its_own() {
    let digest = format!("engine@sha256:{}", "0f".repeat(32));
    let samples = [
        "galaxy-engine:1.0.0",
        "registry.example:5000/a/b:latest",
        "[::1]:5000/repo",
        "docker.io/engine",
        "localhost/engine",
        "index.docker.io/library/engine:1",
        "Registry.Example/engine",
        "a__b/c--d.e_f",
        "../../containers/json?all=1",
        &digest,
    ];
    let words =
        &["/", ":", "@", "sha256:", "library/", "index.docker.io", "LOCALHOST", "a.b", "[::FFFF]", ":443", "-", "__"];
    let none = AllowedRegistries::parse("registry.example").unwrap();
    Target::new(20_000).samples(samples).words(words).texts(|given| {
        let Ok(image) = given.parse::<ImageReference>() else { return };
        let normal = image.to_string();
        assert_eq!(normal.parse::<ImageReference>().as_ref(), Ok(&image), "{normal}");
        let pulled: ImageReference = image.to_pull().parse().unwrap();
        assert_eq!((pulled.repository(), pulled.digest()), (image.repository(), image.digest()));
        assert!(normal.len() <= given.len() + "docker.io/library/".len());
        assert!(normal.bytes().all(|b| b.is_ascii_alphanumeric() || b"._-/:@[]".contains(&b)), "{normal}");
        assert_eq!(none.check(&image).is_ok(), image.registry() == "registry.example");
    });
}

#[test]
fn a_label_is_a_version_and_orders_as_one() {
    let samples = ["1.0.0", "0.4.12-rc.1", "2.1.0+build5", "1.0.0-alpha.beta+exp.sha.5114f85"];
    Target::new(10_000).samples(samples).words(&[".", "-", "+", "0", "rc.", "18446744073709551616"]).texts(|given| {
        settles(given, engine_version::label);
        if let Ok(label) = engine_version::label(given) {
            assert_eq!(label, given);
            assert!(!engine_version::patches(&label, &label));
        }
    });
}

#[test]
fn codes_are_read_in_any_writing_and_written_in_one() {
    let samples = ["7KQ4-9XNM-2RTD", "048151", "7K3M-0QXW-9ZTB-52HC", " wQb5v0Yx1kD2Lg ", "\u{ff17}KQ4 9xnm–2rtd"];
    Target::new(10_000).samples(samples).words(&["-", "O", "l", "–", "\u{2212}", "Ⅷ", "ﬃ", "\u{fdfa}"]).texts(
        |given| {
            if let Some(code) = login_code::Code::read(given) {
                assert_eq!(login_code::Code::read(&code.shown()).unwrap().shown(), code.shown());
                assert!([6, 14].contains(&code.shown().len()));
                assert_eq!(format!("{code:?}"), "Code([redacted])");
            }
            let codes = invite_code::read(given);
            assert!((1..=2).contains(&codes.len()));
            for code in &codes {
                assert!(invite_code::read(code).contains(code), "{code:?} of {given:?}");
            }
        },
    );
}

#[test]
fn an_excerpt_is_one_line_of_bounded_length() {
    Target::new(5_000).samples(["panicked:\nno such luck", "  a\r\n\t b\0c\u{1b}[31m"]).words(PIECES).texts(|given| {
        for max in [1, 2, 7, 300] {
            let cut = excerpt::excerpt(given, max);
            assert!(cut.chars().count() <= max, "{max}");
            assert!(!cut.contains(char::is_control));
            assert_eq!(excerpt::excerpt(&cut, max), cut);
            assert!(excerpt::ending(given, max).chars().count() <= max, "{max}");
        }
    });
}

#[test]
fn settings_of_a_game_are_kept_as_they_are_or_refused_with_a_place() {
    let samples = [
        r#"{"map":{"size":3,"wraps":true},"names":["Ö","x"],"ratio":0.25,"none":null}"#,
        r#"{"a":[1,{"b":"\u0000"}]}"#,
        "{}",
        r#"{"a":{"\u0000":1}}"#,
    ];
    let words = &["\\u0000", "{\"a\":", "[[[[[[[[[[", "]", "}", "\"", ":", ",", "1e9", "-", "\\"];
    Target::new(10_000).samples(samples).words(words).bytes(|given| {
        let Ok(serde_json::Value::Object(settings)) = serde_json::from_slice(given) else { return };
        match game_settings::game_settings(&settings) {
            Ok(kept) => {
                assert!(kept.len() <= game_settings::MAX_BYTES);
                let again: serde_json::Map<_, _> = serde_json::from_str(&kept).unwrap();
                assert!(game_settings::game_settings(&again).is_ok(), "{kept}");
            }
            Err(fault) => {
                assert!(["length", "depth", "control_character"].contains(&fault.code), "{fault:?}");
                assert!(fault.detail.len() < 600);
            }
        }
    });
}

#[test]
fn an_address_of_the_network_lies_in_its_own_network() {
    let samples = ["192.0.2.1", "::ffff:192.0.2.1", "2001:db8:1:2:aaaa::1"];
    Target::new(10_000).samples(samples).words(&[":", "::", "ffff", ".", "0"]).texts(|given| {
        let Ok(address) = given.parse::<std::net::IpAddr>() else { return };
        let shown = network::Network::of(address).to_string();
        let net: ipnet::IpNet = shown.parse().unwrap();
        assert!(net.contains(&address.to_canonical()));
        assert_eq!(network::Network::of(net.addr()).to_string(), shown);
    });
}
