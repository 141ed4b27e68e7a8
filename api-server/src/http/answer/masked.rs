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

/// Masks every address in a value.
pub(super) fn mask(value: &mut Value) {
    match value {
        Value::String(text) if text.contains('@') => *text = masked(text),
        Value::Array(items) => items.iter_mut().for_each(mask),
        Value::Object(members) => members.values_mut().for_each(mask),
        _ => {}
    }
}

/// A text whose addresses show the first character before the sign, and the domain.
fn masked(text: &str) -> String {
    let (mut shown, mut rest) = (String::with_capacity(text.len()), text);
    while let Some((before, after)) = rest.split_once('@') {
        let begins = before.char_indices().rev().find(|(_, c)| ends_a_word(*c)).map_or(0, |(at, c)| at + c.len_utf8());
        let (lead, local) = before.split_at(begins);
        shown.push_str(lead);
        // A digest of an image and a schedule have the sign too, and no dot behind it.
        let domain = after.split(|c: char| !c.is_alphanumeric() && c != '-' && c != '.').next().unwrap_or_default();
        if domain.trim_end_matches('.').contains('.') {
            shown.extend(local.chars().take(1));
            shown.push_str("***");
        } else {
            shown.push_str(local);
        }
        shown.push('@');
        rest = after;
    }
    shown.push_str(rest);
    shown
}

fn ends_a_word(c: char) -> bool {
    c.is_whitespace() || "<>()[]{},;:=/".contains(c)
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
}
