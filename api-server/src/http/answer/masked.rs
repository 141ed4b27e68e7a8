//! Answers to administrators who are viewers and nothing else: e-mail addresses in them are masked, `ada@example.org` as
//! `a***@example.org`. This stands around every operation, so that none can forget it, and a text that holds an address in the
//! middle, as a relay's reply does, is found too. The lines of an export are masked before they are written ([`super::export`]): a
//! file is never whole in memory.

use poem::Response;
use poem::http::header;
use serde_json::Value;

use crate::refusal::Problem;

/// Masks every address in an answer of JSON.
///
/// # Errors
/// `internal`: the answer cannot be read, which is a bug.
pub async fn addresses(mut response: Response) -> Result<Response, Problem> {
    let json = |value: &poem::http::HeaderValue| value.as_bytes().starts_with(b"application/json");
    if !response.headers().get(header::CONTENT_TYPE).is_some_and(json) {
        return Ok(response);
    }
    let bytes = response.take_body().into_bytes().await.map_err(|error| Problem::internal(&error))?;
    let mut value: Value = serde_json::from_slice(&bytes).map_err(|error| Problem::internal(&error))?;
    mask(&mut value);
    response.set_body(value.to_string());
    Ok(response)
}

/// The sign, its wide form, which [`Address::parse`](shared::domain::email::Address::parse) takes, and its small one.
const SIGNS: [char; 3] = ['@', '\u{FF20}', '\u{FE6B}'];

/// Masks every address in a value.
pub(super) fn mask(value: &mut Value) {
    match value {
        Value::String(text) if text.contains(SIGNS) => *text = masked(text),
        Value::Array(items) => items.iter_mut().for_each(mask),
        Value::Object(members) => members.values_mut().for_each(mask),
        _ => {}
    }
}

/// A text whose addresses show the first character before the sign, and the domain. Read from its end, since a quoted local part
/// may hold the sign itself. Where an address begins, only the syntax says: all that a local part may have is taken for it, so
/// that rather too much is hidden than too little.
fn masked(text: &str) -> String {
    let (mut rest, mut shown) = (text, Vec::new());
    while let Some((at, sign)) = rest.char_indices().rev().find(|(_, c)| SIGNS.contains(c)) {
        let (before, after) = rest.split_at(at);
        let (lead, local) = before.split_at(local_begins(before));
        shown.push(after);
        // The digest of an image has the sign too, a schedule nothing before it.
        let digest =
            after.strip_prefix(sign).is_some_and(|after| DIGESTS.iter().any(|digest| after.starts_with(digest)));
        if digest {
            shown.push(local);
        } else if let Some(first) = local.chars().next() {
            shown.push("***");
            shown.push(local.get(..first.len_utf8()).unwrap_or_default());
        }
        rest = lead;
    }
    shown.push(rest);
    shown.reverse();
    shown.concat()
}

/// How digests of images begin.
const DIGESTS: [&str; 2] = ["sha256:", "sha512:"];

/// Where the local part begins that ends this text: behind what stands in none (RFC 5322 §3.2.3, RFC 6531 §3.3), or at the
/// quotes that hold it.
fn local_begins(text: &str) -> usize {
    if let Some(quoted) = text.strip_suffix('"') {
        // In a JSON text within a text the quotes themselves are escaped; otherwise an escaped one is within the local part.
        let nested = quoted.ends_with('\\');
        let opens = |at: &usize| nested || !text.get(..*at).is_some_and(|before| before.ends_with('\\'));
        return quoted.rmatch_indices('"').map(|(at, _)| at).find(opens).unwrap_or_default();
    }
    let ends = |c: char| c.is_whitespace() || c.is_control() || "<>()[],;:\"\\".contains(c);
    text.char_indices().rev().find(|(_, c)| ends(*c)).map_or(0, |(at, c)| at + c.len_utf8())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_masked_wherever_they_stand_and_nothing_else_is() {
        for (text, shown) in [
            ("ada@example.org", "a***@example.org"),
            ("550 5.1.1 <ada.love@example.org>: unknown", "550 5.1.1 <a***@example.org>: unknown"),
            ("a@b.example, c@d.example.", "a***@b.example, c***@d.example."),
            ("ädä@münchen.example", "ä***@münchen.example"),
            ("@every 1h", "@every 1h"),
            ("a/b=c{d}@example.org", "a***@example.org"),
            ("to=<a/b=c{d}@example.org>, relay", "to=<a***@example.org>, relay"),
            ("ada\u{FF20}example.org", "a***\u{FF20}example.org"),
            ("no route to ada@mailhost", "no route to a***@mailhost"),
            ("<\"ada love\"@example.org>", "<\"***@example.org>"),
            ("<\"a\\\"b@c\"@example.org>", "<\"***@example.org>"),
            ("{\"to\":\"\\\"ada\\\"@example.org\"}", "{\"to\":\"\\\"***@example.org\"}"),
            ("a@b@example.org", "a***@example.org"),
            (
                "registry.example/engine@sha512:ab, ada@example.org",
                "registry.example/engine@sha512:ab, a***@example.org",
            ),
            ("engine@sha256:6105d6cc", "engine@sha256:6105d6cc"),
            ("nothing here", "nothing here"),
            ("@", "@"),
        ] {
            assert_eq!(masked(text), shown);
        }
        let mut value = serde_json::json!({ "items": [{ "email": "ada@example.org", "n": 5 }], "to": ["b@c.example"] });
        mask(&mut value);
        let shown = serde_json::json!({ "items": [{ "email": "a***@example.org", "n": 5 }], "to": ["b***@c.example"] });
        assert_eq!(value, shown);
    }

    #[test]
    fn of_no_address_more_than_the_first_character_is_shown() {
        let atoms = [
            "!", "#", "$", "%", "&", "'", "*", "+", "-", "/", "=", "?", "^", "_", "`", "{", "|", "}", "~", ".", "7",
            "é", "例",
        ];
        let random = shared::random::Random::seeded(7);
        let pick = |most: usize| usize::from(random.bytes::<1>()[0]) % most;
        let mut locals: Vec<String> = atoms.iter().map(|atom| format!("ada{atom}love")).collect();
        locals.extend(atoms.iter().map(|atom| format!("{atom}ada")));
        locals.extend(
            (0..2_000).map(|_| (0..=pick(12)).map(|_| atoms.get(pick(atoms.len())).unwrap_or(&"x")).copied().collect()),
        );
        let (mut seen, around) = (
            0,
            [
                ("", ""),
                ("<", ">"),
                ("\"", "\""),
                ("{\"to\":\"", "\"}"),
                ("{\\\"to\\\":\\\"", "\\\"}"),
                ("550 5.1.1 <x@y.example> and ", ": unknown."),
                ("(", ")"),
                ("mailto:", "?subject=x"),
                ("a, ", "; b"),
            ],
        );
        for local in locals {
            for (local, sign) in [(local.clone(), "@"), (local.clone(), "\u{FF20}"), (format!("\"{local}\""), "@")] {
                if shared::domain::email::Address::parse(&format!("{local}{sign}example.org")).is_err() {
                    continue;
                }
                seen += 1;
                let first: String = local.chars().take(1).collect();
                for (before, after) in around {
                    let given = format!("{before}{local}{sign}example.org{after}");
                    let lead = before.replace("x@y", "x***@y");
                    let wanted = format!("{lead}{first}***{sign}example.org{after}");
                    assert_eq!(masked(&given), wanted, "{given}");
                }
            }
        }
        assert!(seen > 500, "{seen}");
    }
}
