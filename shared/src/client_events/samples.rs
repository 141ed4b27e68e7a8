//! Payloads for examples: of the tests here, of flatc's second opinion, and of the events that clients are shown.

use serde_json::{Value, json};

use crate::domain::notification::{Form, Kind, Payload, PayloadError};

/// A payload of some length, and one as short as may be.
///
/// # Errors
/// [`PayloadError`] when a kind has a field that takes none of these values.
pub fn samples(kind: Kind) -> Result<[Payload; 2], PayloadError> {
    Ok([Payload::example(kind, |field| full(field.form))?, Payload::example(kind, |field| bare(field.form))?])
}

/// A value of some length, with text that is not ASCII where text is free.
fn full(form: Form) -> Value {
    match form {
        Form::Id => json!("019cb4db-5900-7297-8ab7-7e702c787b4c"),
        Form::Text => json!("Зоряні 星 \"quoted\" <b>"),
        Form::Texts => json!(["Зоряні 星", "Terran"]),
        Form::Number => json!(u32::MAX),
        Form::Time => json!("2027-01-15T08:00:00.123Z"),
    }
}

/// A value as short as may be; a table leaves out a number that is zero.
fn bare(form: Form) -> Value {
    match form {
        Form::Id => json!("00000000-0000-7000-8000-000000000001"),
        Form::Text => json!(""),
        Form::Texts => json!([]),
        Form::Number => json!(0),
        Form::Time => json!("1970-01-01T00:00:00Z"),
    }
}
