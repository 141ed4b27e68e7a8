//! The fields of payloads: how each is written, for clients in other languages and for
//! [`client_events`](crate::client_events).

use std::borrow::Cow;

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
    /// Whether every payload has it. One that was added later is missing from what an older build wrote.
    pub required: bool,
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

/// What a field says in one payload.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FieldValue<'a> {
    /// Of [`Form::Id`] and [`Form::Text`].
    Text(Cow<'a, str>),
    /// Of [`Form::Texts`].
    Texts(Vec<&'a str>),
    /// Of [`Form::Number`].
    Number(u32),
    /// Of [`Form::Time`], in milliseconds since 1970-01-01T00:00:00Z.
    Time(i64),
}

/// A type that a payload may have. Whoever adds one says how it is written.
pub(super) trait Told: Sized {
    const FORM: Form;

    fn value(&self) -> FieldValue<'_>;

    /// `None` where the value is of another form, or is none of this type's.
    fn read(value: FieldValue<'_>) -> Option<Self>;
}

/// What was read for a field, or what it is where nothing was. The error is the field's name.
pub(super) fn read<T: Told>(
    name: &'static str,
    value: Option<FieldValue<'_>>,
    missing: Option<T>,
) -> Result<T, &'static str> {
    value.map_or(missing, T::read).ok_or(name)
}

macro_rules! told {
    ($($type:ty as $form:ident: |$own:ident| $value:expr, $read:pat => $read_as:expr;)*) => {
        $(impl Told for $type {
            const FORM: Form = Form::$form;

            fn value(&self) -> FieldValue<'_> {
                let $own = self;
                $value
            }

            fn read(value: FieldValue<'_>) -> Option<Self> {
                match value {
                    $read => $read_as,
                    _ => None,
                }
            }
        })*
    };
}

told! {
    ApplicationId as Id: |id| FieldValue::Text(id.to_string().into()), FieldValue::Text(id) => id.parse().ok();
    DateTime<Utc> as Time:
        |at| FieldValue::Time(at.timestamp_millis()), FieldValue::Time(millis) => Self::from_timestamp_millis(millis);
    DeliveryId as Id: |id| FieldValue::Text(id.to_string().into()), FieldValue::Text(id) => id.parse().ok();
    GameId as Id: |id| FieldValue::Text(id.to_string().into()), FieldValue::Text(id) => id.parse().ok();
    String as Text: |text| FieldValue::Text(text.into()), FieldValue::Text(text) => Some(text.into_owned());
    UserId as Id: |id| FieldValue::Text(id.to_string().into()), FieldValue::Text(id) => id.parse().ok();
    Vec<String> as Texts:
        |texts| FieldValue::Texts(texts.iter().map(String::as_str).collect()),
        FieldValue::Texts(texts) => Some(texts.into_iter().map(str::to_owned).collect());
    u32 as Number: |number| FieldValue::Number(*number), FieldValue::Number(number) => Some(number);
}
