//! The fields of payloads, as clients in other languages are told of them.

use chrono::{DateTime, Utc};

use crate::ids::{ApplicationId, DeliveryId, GameId, UserId};

/// A field of a kind's payload.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Field {
    /// Its name, in JSON and in the FlatBuffers table.
    pub name: &'static str,
    /// What it means, in sentences.
    pub about: &'static str,
    /// How it is written.
    pub form: Form,
}

/// How a field is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// A UUID in its usual text form.
    Id,
    /// A text.
    Text,
    /// Texts in a meaningful order.
    Texts,
    /// A whole number from 0 to 2³² − 1.
    Number,
    /// A moment: RFC 3339 in JSON, milliseconds since 1970-01-01T00:00:00Z in FlatBuffers.
    Time,
}

/// A type that a payload may have. Whoever adds one tells clients how it is written.
pub(super) trait Told {
    const FORM: Form;
}

macro_rules! told {
    ($($type:ty as $form:ident),* $(,)?) => {
        $(impl Told for $type {
            const FORM: Form = Form::$form;
        })*
    };
}

told!(
    ApplicationId as Id,
    DateTime<Utc> as Time,
    DeliveryId as Id,
    GameId as Id,
    String as Text,
    UserId as Id,
    Vec<String> as Texts,
    u32 as Number,
);
