//! What a browser takes, and what it has already (RFC 9110 §12.5.3, §13.1.2).

use poem::http::{HeaderMap, header};

use super::assets::File;

/// The shortest form of a file that a request takes: its bytes, and the coding's name.
#[must_use]
pub fn chosen(file: &File, headers: &HeaderMap) -> (&'static [u8], Option<&'static str>) {
    let forms = [(file.br, "br"), (file.gzip, "gzip")];
    let taken =
        forms.into_iter().find_map(|(bytes, coding)| Some((bytes.filter(|_| takes(headers, coding))?, Some(coding))));
    taken.unwrap_or((file.plain, None))
}

/// Whether a coding is named with another weight than 0. A star names no coding here: identity is good enough for who writes one.
fn takes(headers: &HeaderMap, coding: &str) -> bool {
    members(headers, header::ACCEPT_ENCODING).any(|member| {
        let mut parts = member.split(';').map(str::trim);
        let named = parts.next().is_some_and(|name| name.eq_ignore_ascii_case(coding));
        let weight = parts.find_map(|part| part.strip_prefix("q=").or(part.strip_prefix("Q=")));
        named && weight.is_none_or(|weight| weight.parse::<f32>().is_ok_and(|weight| weight > 0.0))
    })
}

/// Whether a request has this content already: `If-None-Match` compares weakly.
#[must_use]
pub fn is_known(headers: &HeaderMap, tag: &str) -> bool {
    members(headers, header::IF_NONE_MATCH)
        .any(|member| member == "*" || member.strip_prefix("W/").unwrap_or(member) == tag)
}

/// The members of a list, over all fields of its name; one that is no text is passed over, and no other one with it.
fn members(headers: &HeaderMap, name: header::HeaderName) -> impl Iterator<Item = &str> {
    headers
        .get_all(name)
        .into_iter()
        .flat_map(|value| value.as_bytes().split(|byte| *byte == b','))
        .filter_map(|member| std::str::from_utf8(member.trim_ascii()).ok())
}

#[cfg(test)]
mod tests {
    use poem::http::HeaderValue;

    use super::*;

    const FILE: File = File { name: "assets/a.js", tag: "1", plain: b"plain", br: Some(b"br"), gzip: Some(b"gzip") };

    fn headers(name: header::HeaderName, value: &'static str) -> HeaderMap {
        HeaderMap::from_iter([(name, HeaderValue::from_static(value))])
    }

    #[test]
    fn the_shortest_form_that_is_taken_is_sent() {
        for (accepted, coding) in [
            ("gzip, deflate, br, zstd", Some("br")),
            ("gzip;q=1.0, br;q=0", Some("gzip")),
            ("GZIP", Some("gzip")),
            ("br; q=0.1", Some("br")),
            ("br;q=high", None),
            ("identity", None),
            ("*", None),
            ("", None),
        ] {
            assert_eq!(chosen(&FILE, &headers(header::ACCEPT_ENCODING, accepted)).1, coding, "{accepted}");
        }
        assert_eq!(chosen(&File { br: None, ..FILE }, &headers(header::ACCEPT_ENCODING, "br, gzip")).0, b"gzip");
        assert_eq!(chosen(&FILE, &HeaderMap::new()), (b"plain".as_slice(), None));
    }

    #[test]
    fn what_is_known_is_told_by_its_tag() {
        for (given, known) in [
            (r#""1-br""#, true),
            (r#"W/"1-br""#, true),
            (r#""0", "1-br""#, true),
            ("*", true),
            (r#""1-gzip""#, false),
            ("1-br", false),
        ] {
            assert_eq!(is_known(&headers(header::IF_NONE_MATCH, given), r#""1-br""#), known, "{given}");
        }
    }
}
