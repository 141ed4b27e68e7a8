//! One parameter of a path or a query: what the document says of it, and whether a text fits.

use std::borrow::Cow;

use serde_json::Value;

use super::schema::{self, Bounds};

/// A parameter by the document.
#[derive(Debug)]
pub struct Parameter {
    /// Its name.
    pub name: String,
    /// Whether it must be given.
    pub required: bool,
    kind: Kind,
}

#[derive(Debug)]
enum Kind {
    Text,
    /// Where a list goes on; empty is its beginning.
    Cursor,
    Id,
    Time,
    Flag,
    Word(Vec<String>),
    Whole(Bounds),
}

impl Parameter {
    /// Reads it from the document.
    pub fn new(parameter: &Value, document: &Value) -> Self {
        let of = |name: &str| parameter.get(name).and_then(Value::as_str).unwrap_or_default();
        let schema = schema::resolve(parameter.get("schema").unwrap_or(&Value::Null), document);
        let (kind, format) = (schema.get("type").and_then(Value::as_str), schema.get("format").and_then(Value::as_str));
        let words = schema.get("enum").and_then(Value::as_array);
        let kind = match (kind, format, words) {
            (_, _, Some(words)) => Kind::Word(words.iter().filter_map(Value::as_str).map(str::to_owned).collect()),
            (Some("integer"), ..) => Kind::Whole(Bounds::of(schema)),
            (Some("boolean"), ..) => Kind::Flag,
            (_, Some("uuid"), _) => Kind::Id,
            (_, Some("date-time"), _) => Kind::Time,
            (_, Some("cursor"), _) => Kind::Cursor,
            _ => Kind::Text,
        };
        Self {
            name: of("name").to_owned(),
            required: parameter.get("required").and_then(Value::as_bool).unwrap_or(false),
            kind,
        }
    }

    /// The text in its one form; `None` where it stands for nothing.
    ///
    /// # Errors
    /// The kind of fault and what would be right.
    pub fn read<'a>(&self, text: &'a str) -> Result<Option<Cow<'a, str>>, (&'static str, String)> {
        if text.contains('\0') {
            return Err(("value", schema::NO_NUL.into()));
        }
        let as_given = || Ok(Some(Cow::Borrowed(text)));
        let wrong = |code: &'static str, detail: &str| Err((code, detail.to_owned()));
        match &self.kind {
            Kind::Cursor if text.is_empty() => Ok(None),
            // An empty text is one that nothing is named by: such a filter lists nothing.
            Kind::Text | Kind::Cursor => as_given(),
            Kind::Id if shared::ids::parse(text).is_some() => as_given(),
            Kind::Id => wrong("format", schema::UUID),
            Kind::Time => match schema::time(text) {
                Some(time) => Ok(Some(Cow::Owned(time.to_rfc3339()))),
                None => wrong("format", schema::TIME),
            },
            Kind::Flag if matches!(text, "true" | "false") => as_given(),
            Kind::Flag => wrong("type", "must be true or false"),
            Kind::Word(words) if words.iter().any(|word| word == text) => as_given(),
            Kind::Word(words) => Err(("value", format!("must be one of {}", words.join(", ")))),
            Kind::Whole(bounds) => match serde_json::from_str::<Value>(text).ok().filter(Value::is_number) {
                Some(number) if schema::is_whole(&number) => match schema::whole(&number).filter(|n| bounds.hold(*n)) {
                    Some(number) => Ok(Some(Cow::Owned(number.to_string()))),
                    None => Err(("range", bounds.to_string())),
                },
                _ => wrong("type", "must be a whole number"),
            },
        }
    }
}
