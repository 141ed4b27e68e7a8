//! Values against the schemas of the document: every fault by its place and in plain words, within bounds.
//!
//! An answer to a faulty request costs no more than a fault or two: faults are counted, pointers are cut, and what was sent is
//! never repeated but for the names of fields.

use std::borrow::Cow;
use std::fmt;

use chrono::{DateTime, Datelike as _, TimeDelta, Timelike as _, Utc};
use jsonschema::error::{TypeKind, ValidationErrorKind as Kind};
use jsonschema::{JsonType, ValidationError};
use serde_json::{Map, Value, json};

use crate::refusal::{FieldError, Problem};

/// The most faults that one answer names.
pub const MAX_FAULTS: usize = 50;
/// The longest pointer into a request that is answered whole, in characters.
const MAX_POINTER: usize = 120;
/// What a text may not hold: the database has no text for it.
pub const NO_NUL: &str = "must not contain U+0000";
/// The one form of an id.
pub const UUID: &str = "must be a UUID with hyphens, such as 0190f3c1-6d2e-7a41-9c55-3b8f4e2d7a10";
/// The one form of a time.
pub const TIME: &str = "must be a time of RFC 3339 in the years 1 to 9999, such as 2026-01-31T12:00:00Z";

/// A time as requests give it. The years are those that every reader of the answer understands. A second `60` is where a leap
/// second may be, in the last minute of a day of UTC (RFC 3339 §5.7), and is the second after it, as the database keeps it too.
pub fn time(text: &str) -> Option<DateTime<Utc>> {
    // The parser takes U+2212 for a hyphen.
    let time = DateTime::parse_from_rfc3339(text).ok().filter(|_| text.is_ascii())?.to_utc();
    // The generator reads it again, by this parser.
    if text.parse() != Ok(time) {
        return None;
    }
    // How it writes a second 60: as one of 59 that is longer than a second.
    let time = match time.nanosecond().checked_sub(1_000_000_000) {
        None => time,
        Some(into) if (time.hour(), time.minute()) == (23, 59) => {
            time.with_nanosecond(into)?.checked_add_signed(TimeDelta::seconds(1))?
        }
        Some(_) => return None,
    };
    (1..=9999).contains(&time.year()).then_some(time)
}

/// Faults of a request, of which the first [`MAX_FAULTS`] are named.
#[derive(Debug, Default)]
pub struct Faults {
    named: Vec<FieldError>,
    more: bool,
}

impl Faults {
    /// Whether there is no room for another one.
    pub fn is_full(&self) -> bool {
        self.more
    }

    /// Adds one.
    pub fn add(&mut self, pointer: impl Into<String>, code: &str, detail: impl Into<String>) {
        if self.named.len() == MAX_FAULTS {
            self.more = true;
            return;
        }
        let pointer = shortened(pointer.into(), MAX_POINTER);
        self.named.push(FieldError { pointer, code: code.into(), detail: detail.into() });
    }

    /// Nothing is at fault.
    ///
    /// # Errors
    /// `invalid_request` with the faults.
    pub fn none(self) -> Result<(), Problem> {
        if self.named.is_empty() {
            return Ok(());
        }
        let mut problem = Problem::fields(self.named);
        if self.more {
            problem.detail = format!("More than {MAX_FAULTS} fields are at fault; these are the first.");
        }
        Err(problem)
    }
}

/// A text of at most `most` characters: a longer one loses its end.
pub fn shortened(text: String, most: usize) -> String {
    match text.char_indices().nth(most) {
        None => text,
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
    }
}

/// A member's name as a step of a JSON Pointer (RFC 6901).
pub fn escaped(name: &str) -> Cow<'_, str> {
    if name.contains(['~', '/']) { name.replace('~', "~0").replace('/', "~1").into() } else { name.into() }
}

/// A schema that a request's bodies are held to.
#[derive(Debug)]
pub struct Schema {
    validator: jsonschema::Validator,
    /// The schema, and whatever it refers to.
    root: Value,
}

impl Schema {
    /// The schema of that name in the document.
    ///
    /// # Errors
    /// When there is none, or it is no schema: a bug.
    pub fn named(document: &Value, name: &str) -> anyhow::Result<Self> {
        // With what it refers to and no more: each operation keeps its own.
        let (mut schemas, mut wanted) = (Map::new(), vec![name.to_owned()]);
        while let Some(name) = wanted.pop() {
            let schema = document.pointer("/components/schemas").and_then(|all| all.get(&name));
            if let Some(schema) = schema.filter(|_| !schemas.contains_key(&name)) {
                collect_refs(schema, &mut wanted);
                schemas.insert(name, schema.clone());
            }
        }
        let mut root = json!({ "$ref": format!("#/components/schemas/{name}"), "components": { "schemas": schemas } });
        bound_integers(&mut root);
        let validator = jsonschema::draft202012::options()
            // An annotation only, by default: a UUID or a time that is none would be at fault nowhere.
            .should_validate_formats(true)
            .with_format("uuid", |text| shared::ids::parse(text).is_some())
            .with_format("date-time", |text| time(text).is_some())
            .build(&root)?;
        Ok(Self { validator, root })
    }

    /// The value, with whole numbers in their one form (`5.0` is `5`), where the schema wants whole numbers.
    ///
    /// # Errors
    /// `invalid_request` with every fault.
    pub fn judge(&self, mut value: Value) -> Result<Value, Problem> {
        let mut faults = Faults::default();
        for error in self.validator.iter_errors(&value) {
            add_error(&mut faults, &error, false);
            if faults.is_full() {
                break;
            }
        }
        faults.none()?;
        whole_numbers(&mut value, &self.root, &self.root);
        Ok(value)
    }
}

fn add_error(faults: &mut Faults, error: &ValidationError<'_>, or_null: bool) {
    let at = error.instance_path().as_str();
    let below = |name: &str| format!("{at}/{}", escaped(name));
    let or_null = if or_null { " or null" } else { "" };
    let mut one = |code: &str, detail: String| faults.add(at, code, format!("{detail}{or_null}"));
    match error.kind() {
        Kind::Required { property } => {
            faults.add(below(property.as_str().unwrap_or_default()), "required", "this field is required");
        }
        Kind::AdditionalProperties { unexpected } => {
            for name in unexpected.iter().take(MAX_FAULTS + 1) {
                faults.add(below(name), "unknown_field", "this field is not known");
            }
        }
        Kind::Type { kind } => one("type", format!("must be {}", kinds(kind))),
        Kind::Enum { options } => one("value", format!("must be one of {}", words(options))),
        Kind::Constant { expected_value } => one("value", format!("must be {expected_value}")),
        Kind::Pattern { pattern } => one("format", format!("must have the form {pattern}")),
        Kind::Format { format } => one(
            "format",
            match format.as_str() {
                "uuid" => UUID.into(),
                "date-time" => TIME.into(),
                other => format!("must have the form of a {other}"),
            },
        ),
        Kind::MaxLength { limit } => one("length", format!("must have at most {}", counted(*limit, "character"))),
        Kind::MinLength { limit } => one("length", format!("must have at least {}", counted(*limit, "character"))),
        Kind::MaxItems { limit } => one("length", format!("must have at most {}", counted(*limit, "item"))),
        Kind::MinItems { limit } => one("length", format!("must have at least {}", counted(*limit, "item"))),
        Kind::Maximum { limit } => one("range", format!("must be at most {}", plain(limit))),
        Kind::Minimum { limit } => one("range", format!("must be at least {}", plain(limit))),
        Kind::ExclusiveMaximum { limit } => one("range", format!("must be below {}", plain(limit))),
        Kind::ExclusiveMinimum { limit } => one("range", format!("must be above {}", plain(limit))),
        // A value that may be null is one of two: what is wrong with it is wrong with the other one.
        Kind::AnyOf { context } | Kind::OneOfNotValid { context } => {
            let null = |error: &ValidationError<'_>| {
                matches!(error.kind(), Kind::Type { kind: TypeKind::Single(JsonType::Null) })
            };
            let branch = context.iter().find(|branch| !branch.iter().all(null));
            for error in branch.into_iter().flatten() {
                add_error(faults, error, context.iter().any(|branch| branch.iter().all(null)));
            }
        }
        _ => one("value", "does not fit its schema".into()),
    }
}

fn kinds(kind: &TypeKind) -> String {
    let word = |kind: JsonType| match kind {
        JsonType::Array => "a list",
        JsonType::Boolean => "true or false",
        JsonType::Integer => "a whole number",
        JsonType::Null => "null",
        JsonType::Number => "a number",
        JsonType::Object => "an object",
        JsonType::String => "a text",
    };
    match kind {
        TypeKind::Single(kind) => word(*kind).to_owned(),
        TypeKind::Multiple(kinds) => {
            // Null comes last.
            let (null, other): (Vec<JsonType>, Vec<JsonType>) = kinds.iter().partition(|kind| *kind == JsonType::Null);
            other.into_iter().chain(null).map(word).collect::<Vec<_>>().join(" or ")
        }
    }
}

fn words(options: &Value) -> String {
    let options = options.as_array().into_iter().flatten();
    options
        .map(|option| option.as_str().map_or_else(|| option.to_string(), str::to_owned))
        .collect::<Vec<_>>()
        .join(", ")
}

fn counted(count: u64, what: &str) -> String {
    if count == 1 { format!("1 {what}") } else { format!("{count} {what}s") }
}

/// A bound as people write it: the generator writes `1.0`.
fn plain(number: &Value) -> String {
    whole(number).map_or_else(|| number.to_string(), |whole| whole.to_string())
}

/// Whether a number is whole, however it is written.
pub fn is_whole(number: &Value) -> bool {
    number.is_i64() || number.is_u64() || number.as_f64().is_some_and(|n| n.fract() == 0.0)
}

/// A number that is whole, however it is written, within 64 bits.
pub fn whole(number: &Value) -> Option<i64> {
    let float = |n: f64| (n.fract() == 0.0 && n >= i64::MIN as f64 && n < i64::MAX as f64).then_some(n as i64);
    number.as_i64().or_else(|| number.as_f64().filter(|_| !number.is_u64()).and_then(float))
}

/// What a whole number may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bounds {
    least: i64,
    most: i64,
}

impl Bounds {
    /// By its schema: `minimum`, `maximum`, and what its `format` holds.
    pub fn of(schema: &Value) -> Self {
        let (least, most) = match schema.get("format").and_then(Value::as_str) {
            Some("int8") => (i8::MIN.into(), i8::MAX.into()),
            Some("int16") => (i16::MIN.into(), i16::MAX.into()),
            Some("int32") => (i32::MIN.into(), i32::MAX.into()),
            Some("uint8") => (0, u8::MAX.into()),
            Some("uint16") => (0, u16::MAX.into()),
            Some("uint32") => (0, u32::MAX.into()),
            Some("uint64") => (0, i64::MAX),
            _ => (i64::MIN, i64::MAX),
        };
        let bound = |name: &str| schema.get(name).and_then(whole);
        Self {
            least: bound("minimum").map_or(least, |n| n.max(least)),
            most: bound("maximum").map_or(most, |n| n.min(most)),
        }
    }

    /// Whether a number is within.
    pub fn hold(&self, number: i64) -> bool {
        (self.least..=self.most).contains(&number)
    }
}

impl fmt::Display for Bounds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "must be {} to {}", self.least, self.most)
    }
}

/// What a schema refers to, where it refers to another one; also where `null` may stand in its place.
pub fn resolve<'a>(schema: &'a Value, root: &'a Value) -> &'a Value {
    let mut schema = schema;
    // Nobody refers to what refers to itself; a bound keeps it so.
    for _ in 0..8 {
        let reference = schema.get("$ref").or_else(|| schema.pointer("/anyOf/0/$ref")).and_then(Value::as_str);
        match reference.and_then(|r| root.pointer(r.strip_prefix('#')?)) {
            Some(there) => schema = there,
            None => break,
        }
    }
    schema
}

/// Whether a schema takes whole numbers; `null` may stand beside.
fn wants_whole(schema: &Map<String, Value>) -> bool {
    match schema.get("type") {
        Some(Value::String(kind)) => kind == "integer",
        Some(Value::Array(kinds)) => kinds.iter().any(|kind| kind == "integer"),
        _ => false,
    }
}

/// Gives whole numbers the bounds that their `format` promises: it is an annotation to a validator, and the generator's parser
/// refuses what is beyond without saying where.
fn bound_integers(schema: &mut Value) {
    match schema {
        Value::Object(object) => {
            object.values_mut().for_each(bound_integers);
            if wants_whole(object) {
                let Bounds { least, most } = Bounds::of(&Value::Object(object.clone()));
                object.insert("minimum".into(), least.into());
                object.insert("maximum".into(), most.into());
            }
        }
        Value::Array(items) => items.iter_mut().for_each(bound_integers),
        _ => {}
    }
}

/// Writes whole numbers in their one form where the schema wants them. What the schema leaves open stays as it was sent.
fn whole_numbers(value: &mut Value, schema: &Value, root: &Value) {
    let mut schema = schema;
    for _ in 0..8 {
        let reference = schema.get("$ref").and_then(Value::as_str);
        match reference.and_then(|r| root.pointer(r.strip_prefix('#')?)) {
            Some(there) => schema = there,
            None => break,
        }
    }
    let Some(schema) = schema.as_object() else { return };
    for part in ["allOf", "anyOf", "oneOf"] {
        for schema in schema.get(part).and_then(Value::as_array).into_iter().flatten() {
            whole_numbers(value, schema, root);
        }
    }
    match value {
        Value::Number(_) if wants_whole(schema) => {
            if let Some(number) = whole(value) {
                *value = number.into();
            }
        }
        Value::Array(items) => {
            if let Some(schema) = schema.get("items") {
                items.iter_mut().for_each(|item| whole_numbers(item, schema, root));
            }
        }
        Value::Object(members) => {
            let properties = schema.get("properties");
            for (name, member) in members.iter_mut() {
                if let Some(schema) = properties.and_then(|p| p.get(name)) {
                    whole_numbers(member, schema, root);
                }
            }
        }
        _ => {}
    }
}

/// The names of the schemas that a value refers to.
pub fn collect_refs(value: &Value, into: &mut Vec<String>) {
    match value {
        Value::Object(object) => {
            for (key, value) in object {
                match (key.as_str(), value.as_str()) {
                    ("$ref", Some(target)) => {
                        into.extend(target.strip_prefix("#/components/schemas/").map(str::to_owned))
                    }
                    _ => collect_refs(value, into),
                }
            }
        }
        Value::Array(items) => items.iter().for_each(|item| collect_refs(item, into)),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn schema() -> Schema {
        let document = json!({ "components": { "schemas": {
            "Kind": { "type": "string", "enum": ["big", "small"] },
            "Thing": { "type": "object", "additionalProperties": false, "required": ["count"], "properties": {
                "count": { "type": "integer", "format": "int32", "minimum": 1.0 },
                "long": { "type": ["integer", "null"], "format": "int64" },
                "name": { "type": "string", "minLength": 1, "maxLength": 4 },
                "kind": { "anyOf": [{ "$ref": "#/components/schemas/Kind" }, { "type": "null" }] },
                "id": { "type": "string", "format": "uuid" },
                "at": { "type": ["string", "null"], "format": "date-time" },
                "anything": {},
                "more": { "type": "array", "items": { "$ref": "#/components/schemas/Thing" } },
            } },
        } } });
        Schema::named(&document, "Thing").unwrap()
    }

    fn fault(value: Value) -> (String, String, String) {
        let mut errors = schema().judge(value).unwrap_err().errors;
        assert_eq!(errors.len(), 1, "{errors:?}");
        let FieldError { pointer, code, detail } = errors.remove(0);
        (pointer, code, detail)
    }

    #[test]
    fn faults_say_what_would_be_right_and_repeat_nothing() {
        for (value, pointer, code, detail) in [
            (json!({}), "/count", "required", "this field is required"),
            (json!({ "count": "x" }), "/count", "type", "must be a whole number"),
            (json!({ "count": 1.5 }), "/count", "type", "must be a whole number"),
            (json!({ "count": 0 }), "/count", "range", "must be at least 1"),
            (json!({ "count": 2_147_483_648_i64 }), "/count", "range", "must be at most 2147483647"),
            (json!({ "count": 1, "long": u64::MAX }), "/long", "range", "must be at most 9223372036854775807"),
            (json!({ "count": 1, "long": 1e20 }), "/long", "range", "must be at most 9223372036854775807"),
            (json!({ "count": 1, "long": -1e20 }), "/long", "range", "must be at least -9223372036854775808"),
            (json!({ "count": 1, "long": "x" }), "/long", "type", "must be a whole number or null"),
            (json!({ "count": 1, "name": "" }), "/name", "length", "must have at least 1 character"),
            (json!({ "count": 1, "name": "secret" }), "/name", "length", "must have at most 4 characters"),
            (json!({ "count": 1, "kind": "secret" }), "/kind", "value", "must be one of big, small or null"),
            (json!({ "count": 1, "id": "{0190f3c1-6d2e-7a41-9c55-3b8f4e2d7a10}" }), "/id", "format", UUID),
            (json!({ "count": 1, "at": "tomorrow" }), "/at", "format", TIME),
            (json!({ "count": 1, "at": "9999-12-31T23:59:59-10:00" }), "/at", "format", TIME),
            (json!({ "count": 1, "more": [{ "count": 1 }, 7] }), "/more/1", "type", "must be an object"),
            (json!([]), "", "type", "must be an object"),
        ] {
            assert_eq!(fault(value.clone()), (pointer.into(), code.into(), detail.into()), "{value}");
        }
    }

    #[test]
    fn times_are_those_of_rfc_3339() {
        for (given, read) in [
            ("2026-01-31T12:00:00Z", "2026-01-31T12:00:00+00:00"),
            ("2026-01-31t12:00:00.25z", "2026-01-31T12:00:00.250+00:00"),
            ("2026-01-31T12:00:00-05:00", "2026-01-31T17:00:00+00:00"),
            ("2026-01-31T12:00:00+05:30", "2026-01-31T06:30:00+00:00"),
            // Leap seconds, in UTC and elsewhere.
            ("2016-12-31T23:59:60Z", "2017-01-01T00:00:00+00:00"),
            ("2016-12-31T23:59:60.5Z", "2017-01-01T00:00:00.500+00:00"),
            ("1990-12-31T15:59:60-08:00", "1991-01-01T00:00:00+00:00"),
        ] {
            assert_eq!(time(given).map(|time| time.to_rfc3339()).as_deref(), Some(read), "{given}");
        }
        for given in [
            "2026-01-31T12:00:00\u{2212}05:00",
            "2026-01-31T12:00:00",
            "2027-06-01T00:00:60Z",
            "2016-12-31T22:59:60Z",
            "2016-12-31T23:58:60Z",
            "2016-12-31T23:59:60-08:00",
            "2016-12-31T23:59:61Z",
            "9999-12-31T23:59:60Z",
        ] {
            assert_eq!(time(given), None, "{given}");
        }
    }

    #[test]
    fn whole_numbers_get_their_one_form_where_the_schema_wants_them() {
        let sent = json!({ "count": 5.0, "long": 5e0, "anything": 5.0, "more": [{ "count": 2.0 }] });
        let read = schema().judge(sent).unwrap();
        assert_eq!(read.to_string(), r#"{"anything":5.0,"count":5,"long":5,"more":[{"count":2}]}"#);
    }

    #[test]
    fn faults_are_counted_and_their_places_cut() {
        let many: Map<String, Value> = (0..50_000).map(|n| (format!("unknown-{n}"), n.into())).collect();
        let mut value = Value::Object(many);
        value["count"] = 1.into();
        let problem = schema().judge(value).unwrap_err();
        assert_eq!(problem.errors.len(), MAX_FAULTS);
        assert!(problem.detail.contains("More than 50"), "{}", problem.detail);
        let long = "é".repeat(100_000);
        let problem = schema().judge(json!({ "count": 1, long: 1 })).unwrap_err();
        assert!(problem.errors[0].pointer.chars().count() == MAX_POINTER + 1, "{}", problem.errors[0].pointer);
    }
}
