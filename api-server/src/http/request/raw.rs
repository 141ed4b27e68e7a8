//! Bodies for the engine, which pass byte for byte (SPEC §9). Its answers are [`crate::http::answer::opaque`].

use std::marker::PhantomData;

use poem::{Request, RequestBody};
use poem_openapi::registry::{MetaMediaType, MetaRequest, Registry};
use poem_openapi::types::ParseFromJSON;
use poem_openapi::{ApiExtractor, ApiExtractorType, ExtractParamOptions};
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

use super::body;
use super::json;
use crate::refusal::Problem;

/// A body that the document describes as `T`, kept as it was written: numbers that a parser would round and the order of
/// members reach the engine unchanged.
pub struct RawBody<T> {
    bytes: Vec<u8>,
    described: PhantomData<fn() -> T>,
}

impl<T: ParseFromJSON> RawBody<T> {
    /// Reads the members; `U` holds opaque ones as [`RawArray`], and whole numbers by [`whole`].
    ///
    /// # Errors
    /// `invalid_request`, with the faults that the schema of `T` finds.
    pub fn read<'a, U: Deserialize<'a>>(&'a self) -> Result<U, Problem> {
        body::judge::<T>(json::read(&self.bytes)?)?;
        serde_json::from_slice(json::without_mark(&self.bytes))
            .map_err(|_| Problem::field("", "value", "the body does not fit its schema"))
    }
}

/// A whole number as requests may write it: `5`, `5.0`, `5e0`.
///
/// # Errors
/// When it is none of `N`.
pub fn whole<'de, D: Deserializer<'de>, N: TryFrom<i64>>(deserializer: D) -> Result<N, D::Error> {
    let number = super::schema::whole(&serde_json::Value::deserialize(deserializer)?);
    number.and_then(|n| n.try_into().ok()).ok_or_else(|| serde::de::Error::custom("expected a whole number"))
}

/// A JSON array, unread.
pub struct RawArray<'a>(pub &'a RawValue);

impl<'de: 'a, 'a> Deserialize<'de> for RawArray<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let value = <&RawValue>::deserialize(deserializer)?;
        if value.get().starts_with('[') { Ok(Self(value)) } else { Err(serde::de::Error::custom("expected an array")) }
    }
}

impl<'a, T: ParseFromJSON> ApiExtractor<'a> for RawBody<T> {
    const TYPES: &'static [ApiExtractorType] = &[ApiExtractorType::RequestObject];

    type ParamType = ();
    type ParamRawType = ();

    fn register(registry: &mut Registry) {
        T::register(registry);
    }

    fn request_meta() -> Option<MetaRequest> {
        Some(MetaRequest {
            description: None,
            content: vec![MetaMediaType { content_type: "application/json", schema: T::schema_ref() }],
            required: true,
        })
    }

    async fn from_request(
        request: &'a Request,
        given: &mut RequestBody,
        _param_opts: ExtractParamOptions<()>,
    ) -> poem::Result<Self> {
        body::check_content_type(request)?;
        let bytes = body::read(request, given).await?;
        Ok(Self { bytes, described: PhantomData })
    }
}
