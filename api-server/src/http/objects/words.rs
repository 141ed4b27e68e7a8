//! Closed words as schemas of the document, read from requests and written into answers.

use std::borrow::Cow;

use poem_openapi::registry::{MetaSchema, MetaSchemaRef, Registry};
use poem_openapi::types::{ParseError, ParseFromJSON, ParseFromParameter, ParseResult, ToJSON, Type};
use serde_json::Value;
use shared::domain::word::Word;

/// A word of one of the domain's closed sets. The document has a schema of the set's name, with all its words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Closed<W>(pub W);

impl<W: Word> Type for Closed<W> {
    const IS_REQUIRED: bool = true;

    type RawValueType = Self;
    type RawElementValueType = Self;

    fn name() -> Cow<'static, str> {
        W::NAME.into()
    }

    fn schema_ref() -> MetaSchemaRef {
        MetaSchemaRef::Reference(W::NAME.to_owned())
    }

    fn register(registry: &mut Registry) {
        registry.create_schema::<Self, _>(W::NAME.to_owned(), |_| MetaSchema {
            description: Some(W::MEANING.trim()),
            enum_items: W::texts().into_iter().map(Value::from).collect(),
            ..MetaSchema::new("string")
        });
    }

    fn as_raw_value(&self) -> Option<&Self::RawValueType> {
        Some(self)
    }

    fn raw_element_iter<'a>(&'a self) -> Box<dyn Iterator<Item = &'a Self::RawElementValueType> + 'a> {
        Box::new(std::iter::once(self))
    }
}

impl<W: Word> ParseFromJSON for Closed<W> {
    fn parse_from_json(value: Option<Value>) -> ParseResult<Self> {
        let value = value.unwrap_or_default();
        let word = value.as_str().and_then(|text| text.parse().ok());
        word.map(Self).ok_or_else(|| ParseError::expected_type(value))
    }
}

impl<W: Word> ParseFromParameter for Closed<W> {
    fn parse_from_parameter(value: &str) -> ParseResult<Self> {
        value.parse().map(Self).map_err(|_| ParseError::custom("Expect a valid enumeration value."))
    }
}

impl<W: Word> ToJSON for Closed<W> {
    fn to_json(&self) -> Option<Value> {
        let text: &'static str = self.0.into();
        Some(text.into())
    }
}
