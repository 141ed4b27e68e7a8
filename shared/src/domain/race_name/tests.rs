use super::*;
use crate::domain::table;

const TABLE: &str = include_str!("../../../tests/tables/race_names.tsv");

#[test]
fn every_trick_has_the_fate_that_the_table_says() {
    table::check::<3>(TABLE, 400, |[verdict, a, b]| {
        let (first, second) = (parse(a), parse(b));
        let holds = match verdict.as_str() {
            "refused" => first.is_err(),
            "allowed" => first.is_ok(),
            "same" => matches!((&first, &second), (Ok(a), Ok(b)) if a.canonical_key == b.canonical_key),
            "different" => matches!((&first, &second), (Ok(a), Ok(b)) if a.canonical_key != b.canonical_key),
            other => return Some(format!("an unknown verdict: {other}")),
        };
        (!holds).then(|| format!("{first:?} {second:?}"))
    });
}

#[test]
fn a_key_is_its_own_key() {
    for (line, [_, a, b]) in table::rows::<3>(TABLE) {
        for name in [a, b] {
            let Ok(name) = parse(&name) else { continue };
            assert_eq!(key::canonical(&name.canonical_key), name.canonical_key, "line {line}: {name:?}");
        }
    }
}

#[test]
fn a_name_is_shown_as_it_was_written() {
    let shown = |text| parse(text).unwrap().name;
    assert_eq!(shown("  Star \u{3000} Fish "), "Star Fish");
    assert_eq!(shown("re\u{301}sume\u{301}"), "résumé");
    assert_eq!(shown("Ｚｅｒｇ"), "Ｚｅｒｇ");
    assert_eq!(parse(&shown("Ｚｅｒｇ")).unwrap(), parse("Ｚｅｒｇ").unwrap());
}

mod fuzz {
    use super::*;

    #[test]
    fn a_key_is_its_own_key_and_that_of_the_name_in_capitals() {
        let names = table::rows::<3>(TABLE).map(|(_, [_, name, _])| name);
        let words = &[
            "ß", "İ", "ı", "ﬁ", "ν", "Н", "ς", "\u{307}", "\u{345}", "ꭰ", "ა", "א", "ك", "\u{fdfa}", "Ⅷ", "７", "l1I",
        ];
        testkit::fuzz::Target::new(2_000).samples(names).words(words).texts(|given| {
            let Ok(name) = parse(given) else { return };
            assert_eq!(key::canonical(&name.canonical_key), name.canonical_key, "{name:?}");
            for other in [name.name.to_uppercase(), name.name.to_lowercase()] {
                if let Ok(other) = parse(&other) {
                    assert_eq!(other.canonical_key, name.canonical_key, "{name:?} {other:?}");
                }
            }
        });
    }
}
