//! `Idempotency-Key` (SPEC §3), read from the header, with a hash of what is asked. [`crate::use_cases::idempotency`] judges a replay.

use poem::http::HeaderMap;
use poem_openapi::types::ToJSON;
use serde_json::Value;
use sha2::{Digest as _, Sha256};
use shared::db::idempotency::Idempotency;

use crate::refusal::Problem;

/// The header's name, as the document writes it.
pub const HEADER: &str = "Idempotency-Key";
/// The longest key.
const MAX_LENGTH: usize = 128;

/// Whether the key of a request, if it has one, can be used. The frame asks for every operation that takes a key: the generator's
/// extractor knows neither an empty value nor one that is not ASCII, and a key that is passed over makes two of one.
///
/// # Errors
/// What would be right.
pub fn check(headers: &HeaderMap) -> Result<(), String> {
    headers.get(HEADER).map_or(Ok(()), |key| usable(key.as_bytes()))
}

fn usable(key: &[u8]) -> Result<(), String> {
    if key.is_empty() || key.len() > MAX_LENGTH || !key.iter().all(u8::is_ascii_graphic) {
        return Err(format!("must be 1 to {MAX_LENGTH} visible ASCII characters"));
    }
    Ok(())
}

/// Reads a key that `owner` (a user's id, or `admin:<name>`) sent with `body` to `operation`, which names its path
/// parameters too: the same key on another game is another request. Absent: `None`.
///
/// # Errors
/// `invalid_request` for a key that is not 1 to 128 visible ASCII characters.
pub fn read(
    key: Option<&str>,
    owner: String,
    operation: &str,
    body: &impl ToJSON,
) -> Result<Option<Idempotency>, Problem> {
    let Some(key) = key else { return Ok(None) };
    usable(key.as_bytes()).map_err(|detail| Problem::field(format!("/header/{HEADER}"), "format", detail))?;
    let mut digest = Sha256::new();
    digest.update((operation.len() as u64).to_be_bytes());
    digest.update(operation.as_bytes());
    let mut canonical = Vec::new();
    let mut asked = body.to_json().unwrap_or_default();
    if let Value::Object(members) = &mut asked {
        // The members of a body are its schema's: absent and null mean the same. Below them there is only `settings`, which is the
        // engine's own and reaches it as it was sent.
        members.retain(|_, member| !member.is_null());
    }
    write_canonical(&asked, &mut canonical);
    digest.update(&canonical);
    Ok(Some(Idempotency { owner, key: key.to_owned(), hash: digest.finalize().to_vec() }))
}

/// JSON with sorted members and nothing between tokens.
fn write_canonical(value: &Value, out: &mut Vec<u8>) {
    match value {
        Value::Object(object) => {
            let mut members: Vec<(&String, &Value)> = object.iter().collect();
            members.sort_unstable_by_key(|(name, _)| *name);
            out.push(b'{');
            for (name, member) in members {
                out.extend_from_slice(Value::String(name.clone()).to_string().as_bytes());
                out.push(b':');
                write_canonical(member, out);
                out.push(b',');
            }
            out.push(b'}');
        }
        Value::Array(items) => {
            out.push(b'[');
            for item in items {
                write_canonical(item, out);
                out.push(b',');
            }
            out.push(b']');
        }
        scalar => out.extend_from_slice(scalar.to_string().as_bytes()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use poem_openapi::types::Any;
    use serde_json::json;

    fn hash(operation: &str, body: Value) -> Vec<u8> {
        read(Some("k"), "me".into(), operation, &Any(body)).unwrap().unwrap().hash
    }

    #[test]
    fn the_hash_is_of_what_is_asked_not_of_how_it_is_written() {
        assert_eq!(hash("a", json!({"x": 1, "y": [2, null]})), hash("a", json!({"y": [2, null], "x": 1, "z": null})));
        assert_ne!(hash("a", json!({"x": 1})), hash("b", json!({"x": 1})));
        assert_ne!(hash("a", json!({"x": 1})), hash("a", json!({"x": "1"})));
        assert_ne!(hash("a", json!([1, 2])), hash("a", json!([12])));
        // What only the engine understands is all of it asked for.
        let settings = |settings: Value| hash("a", json!({"name": "Orion", "settings": settings}));
        assert_eq!(settings(Value::Null), hash("a", json!({"name": "Orion"})));
        let all = [json!(null), json!({}), json!({"fog": null}), json!({"map": {}}), json!({"map": {"fog": null}})];
        for (n, one) in all.iter().enumerate() {
            for other in all.iter().skip(n + 1) {
                assert_ne!(settings(one.clone()), settings(other.clone()), "{one} {other}");
            }
        }
    }

    #[test]
    fn a_key_is_visible_ascii() {
        let with = |key: &[u8]| {
            let mut headers = HeaderMap::new();
            headers.insert(HEADER, poem::http::HeaderValue::from_bytes(key).unwrap());
            check(&headers)
        };
        for bad in [&b""[..], b" ", b"a b", b"a\tb", "café-1".as_bytes(), b"caf\xe9", &[b'k'; 129]] {
            assert!(with(bad).is_err(), "{bad:?}");
        }
        assert!(with(&[b'k'; 128]).is_ok() && with(b"!~").is_ok() && check(&HeaderMap::new()).is_ok());
        let read = |key| read(key, "me".into(), "a", &Any(json!(1)));
        assert_eq!(read(Some("a b")).unwrap_err().errors[0].pointer, "/header/Idempotency-Key");
        assert!(read(None).unwrap().is_none());
    }
}
