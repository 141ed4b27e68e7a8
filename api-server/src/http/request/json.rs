//! JSON as a request may send it: one value, no member of an object twice, at any depth.
//!
//! A parser that keeps the last of two members and another one that keeps the first read two different requests; whoever checks
//! and whoever acts must not. A byte order mark is passed over (RFC 8259 §8.1 lets a reader do so).

use std::cell::RefCell;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};

use super::schema::{Faults, escaped};
use crate::refusal::{ErrorCode, FieldError, Problem};

/// The body without a byte order mark.
pub fn without_mark(bytes: &[u8]) -> &[u8] {
    bytes.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(bytes)
}

/// Reads one JSON value.
///
/// # Errors
/// `invalid_request`: no JSON, or the members that are given more than once.
pub fn read(bytes: &[u8]) -> Result<Value, Problem> {
    let faults = RefCell::new(Faults::default());
    let mut reader = serde_json::Deserializer::from_slice(without_mark(bytes));
    let value = Strict { at: At::Root, faults: &faults }.deserialize(&mut reader);
    let value = value.and_then(|value| reader.end().map(|()| value)).map_err(|e| {
        let mut problem = Problem::new(ErrorCode::InvalidRequest, format!("The body is not JSON: {e}."));
        problem.errors.push(FieldError { pointer: String::new(), code: "json".into(), detail: e.to_string() });
        problem
    })?;
    faults.into_inner().none()?;
    Ok(value)
}

/// Where in the document the reader is.
#[derive(Clone, Copy)]
enum At<'a> {
    Root,
    Member(&'a At<'a>, &'a str),
    Item(&'a At<'a>, usize),
}

impl fmt::Display for At<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Root => Ok(()),
            Self::Member(above, name) => write!(f, "{above}/{}", escaped(name)),
            Self::Item(above, index) => write!(f, "{above}/{index}"),
        }
    }
}

struct Strict<'a> {
    at: At<'a>,
    faults: &'a RefCell<Faults>,
}

impl<'de> DeserializeSeed<'de> for Strict<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Strict<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(Number::from_f64(value).map_or(Value::Null, Value::Number))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_string<E>(self, value: String) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut access: A) -> Result<Value, A::Error> {
        let mut items = Vec::new();
        while let Some(item) =
            access.next_element_seed(Strict { at: At::Item(&self.at, items.len()), faults: self.faults })?
        {
            items.push(item);
        }
        Ok(Value::Array(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Value, A::Error> {
        let mut members = Map::new();
        while let Some(name) = access.next_key::<String>()? {
            let at = At::Member(&self.at, &name);
            if members.contains_key(&name) {
                self.faults.borrow_mut().add(at.to_string(), "duplicate", "is given more than once");
                access.next_value::<IgnoredAny>()?;
                continue;
            }
            let value = access.next_value_seed(Strict { at, faults: self.faults })?;
            members.insert(name, value);
        }
        Ok(Value::Object(members))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn pointers(text: &str) -> Vec<String> {
        read(text.as_bytes()).unwrap_err().errors.into_iter().map(|e| e.pointer).collect()
    }

    #[test]
    fn a_member_given_twice_is_named_at_any_depth() {
        assert_eq!(pointers(r#"{"a":1,"a":1}"#), ["/a"]);
        assert_eq!(pointers(r#"{"a":[0,{"b/c":1,"b\/c":2}],"d":{"e":1,"e":null}}"#), ["/a/1/b~1c", "/d/e"]);
        assert_eq!(read(br#"{"a":{"b":1},"b":{"a":1}}"#).unwrap(), json!({ "a": { "b": 1 }, "b": { "a": 1 } }));
    }

    mod fuzz {
        use testkit::fuzz::Target;

        use super::*;
        use crate::http::request::schema;

        #[test]
        fn a_body_is_what_a_parser_reads_unless_it_says_something_twice() {
            let samples = [
                r#"{"a":[0,{"b/c":1,"b\/c":2}],"d":{"e":1,"e":null}}"#,
                "\u{feff}[1]",
                r#"{"a":{"b":1},"b":{"a":1e3}}"#,
                "1 2",
                r#"["\ud83d\ude00", "\ud800"]"#,
            ];
            let words = &[
                "{",
                "}",
                "[[[[[[[[[[[[[[[[",
                "]",
                "\"a\":",
                ",",
                "\\u0000",
                "\u{feff}",
                "1e999",
                "-0",
                "\"",
                "~",
                "secret",
            ];
            Target::new(15_000).samples(samples).words(words).bytes(|given| {
                let parsed = serde_json::from_slice::<Value>(without_mark(given));
                match (read(given), parsed) {
                    (Ok(read), Ok(parsed)) => assert_eq!(read, parsed),
                    (Ok(read), Err(error)) => panic!("{read} is no JSON: {error}"),
                    (Err(problem), parsed) => {
                        // What is left out may be no JSON either.
                        let twice = parsed.is_ok();
                        assert!(!problem.errors.is_empty());
                        assert!(
                            !twice || problem.errors.iter().all(|error| error.code == "duplicate"),
                            "{:?}",
                            problem.errors
                        );
                        assert!(problem.errors.iter().all(|error| error.pointer.chars().count() < 130));
                        let said = problem.errors.iter().map(|error| error.detail.len()).sum::<usize>();
                        assert!(said + problem.detail.len() < 5_000);
                        assert!(!problem.detail.contains("secret"), "{}", problem.detail);
                    }
                }
            });
        }

        #[test]
        fn a_time_has_one_form() {
            let samples = [
                "2026-01-31T12:00:00Z",
                "9999-12-31T23:59:59-10:00",
                "2016-12-31T23:59:60.5+23:59",
                "0001-01-01t00:00:00z",
            ];
            Target::new(15_000).samples(samples).words(&["Z", "-", "+", ":60", ".999999999", "T", " "]).texts(
                |given| {
                    if let Some(time) = schema::time(given) {
                        let written = time.to_rfc3339();
                        assert_eq!(schema::time(&written), Some(time), "{written}");
                    }
                },
            );
        }
    }

    #[test]
    fn a_byte_order_mark_is_passed_over_once() {
        assert_eq!(read(b"\xEF\xBB\xBF[1]").unwrap(), json!([1]));
        assert_eq!(read(b"\xEF\xBB\xBF\xEF\xBB\xBF[1]").unwrap_err().errors[0].code, "json");
    }

    #[test]
    fn what_is_no_json_is_no_json() {
        for text in ["", "{", "[1,]", "1 2", "{\"a\" 1}", "nul", "\"\\ud800\"", "1e999"] {
            assert_eq!(read(text.as_bytes()).unwrap_err().errors[0].code, "json", "{text}");
        }
        let deep = "[".repeat(1000);
        assert_eq!(read(deep.as_bytes()).unwrap_err().errors[0].code, "json");
    }
}
