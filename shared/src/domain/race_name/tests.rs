use super::*;

/// The table, without comments: line number, verdict, name, other name.
fn tricks() -> impl Iterator<Item = (usize, &'static str, String, String)> {
    include_str!("tricks.tsv").lines().zip(1..).filter(|(line, _)| !line.starts_with('#')).map(|(line, number)| {
        let mut fields = line.split('\t');
        let mut next = || fields.next().unwrap_or_default();
        (number, next(), unescape(next()), unescape(next()))
    })
}

/// `\u{…}`, `\t` and `\\` as Rust reads them.
fn unescape(text: &str) -> String {
    let (mut out, mut rest) = (String::new(), text);
    while let Some((before, escape)) = rest.split_once('\\') {
        out.push_str(before);
        rest = match escape.chars().next() {
            Some('u') => {
                let (hex, after) = escape[2..].split_once('}').expect("a closing brace");
                out.push(char::from_u32(u32::from_str_radix(hex, 16).expect("hex")).expect("a character"));
                after
            }
            Some('t') => {
                out.push('\t');
                &escape[1..]
            }
            Some('\\') => {
                out.push('\\');
                &escape[1..]
            }
            other => panic!("an unknown escape: {other:?}"),
        };
    }
    out + rest
}

#[test]
fn every_trick_has_the_fate_that_the_table_says() {
    let (mut faults, mut rows) = (Vec::new(), 0);
    for (line, verdict, a, b) in tricks() {
        rows += 1;
        let (first, second) = (parse(&a), parse(&b));
        let holds = match verdict {
            "refused" => first.is_err(),
            "allowed" => first.is_ok(),
            "same" => matches!((&first, &second), (Ok(a), Ok(b)) if a.canonical_key == b.canonical_key),
            "different" => matches!((&first, &second), (Ok(a), Ok(b)) if a.canonical_key != b.canonical_key),
            other => panic!("line {line}: an unknown verdict: {other}"),
        };
        if !holds {
            faults.push(format!("line {line}: {verdict} {a:?} {b:?}: {first:?} {second:?}"));
        }
    }
    assert!(faults.is_empty(), "{} of {rows} rows:\n{}", faults.len(), faults.join("\n"));
    assert!(rows > 400, "{rows} rows");
}

#[test]
fn a_key_is_its_own_key() {
    for (line, _, a, b) in tricks() {
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
