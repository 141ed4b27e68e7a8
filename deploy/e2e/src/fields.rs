//! Fields of the API's answers.

use anyhow::{Context, Result};
use serde_json::Value;
use uuid::Uuid;

/// A text field of an answer.
pub(crate) fn text<'a>(value: &'a Value, field: &str) -> Result<&'a str> {
    value.get(field).and_then(Value::as_str).with_context(|| format!("expected the field {field} in {value}"))
}

/// An id in an answer.
pub(crate) fn id(value: &Value, field: &str) -> Result<Uuid> {
    text(value, field)?.parse().with_context(|| format!("expected a UUID in {field} of {value}"))
}

/// A number in an answer.
pub(crate) fn number(value: &Value, field: &str) -> Result<u64> {
    value.get(field).and_then(Value::as_u64).with_context(|| format!("expected a number in {field} of {value}"))
}
