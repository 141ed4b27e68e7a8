//! JSON that is not ours: bodies for the engine and its answers pass byte for byte (SPEC §9).

use std::marker::PhantomData;

use bytes::Bytes;
use poem::{IntoResponse, Request, RequestBody, Response, Result};
use poem_openapi::payload::{ParsePayload, Payload};
use poem_openapi::registry::{
    MetaMediaType, MetaRequest, MetaResponse, MetaResponses, MetaSchema, MetaSchemaRef, Registry,
};
use poem_openapi::types::ParseFromJSON;
use poem_openapi::{ApiExtractor, ApiExtractorType, ApiResponse, ExtractParamOptions};
use serde::Deserialize;
use serde_json::value::RawValue;

use super::body::{Body, MAX_BODY};
use super::problem::Problem;

/// A body that the document describes as `T`, checked against it, and kept as it was written: numbers that a parser would
/// round and the order of members reach the engine unchanged.
pub struct RawBody<T> {
    bytes: Bytes,
    described: PhantomData<fn() -> T>,
}

impl<T> RawBody<T> {
    /// Reads the members; `U` holds opaque ones as [`RawValue`].
    ///
    /// # Errors
    /// `invalid_request` for what the check against `T` lets pass, such as a member given twice.
    pub fn read<'a, U: Deserialize<'a>>(&'a self) -> Result<U, Problem> {
        serde_json::from_slice(&self.bytes).map_err(|error| Problem::field("", "value", error.to_string()))
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
        body: &mut RequestBody,
        _param_opts: ExtractParamOptions<()>,
    ) -> Result<Self> {
        Body::<T>::check_header(request)?;
        let bytes = body.take()?.into_bytes_limit(MAX_BODY).await?;
        let mut again = RequestBody::new(bytes.clone().into());
        <Body<T> as ParsePayload>::from_request(request, &mut again).await?;
        Ok(Self { bytes, described: PhantomData })
    }
}

/// Any JSON, as it was written by somebody else.
pub struct OpaqueJson(pub Box<RawValue>);

impl Payload for OpaqueJson {
    const CONTENT_TYPE: &'static str = "application/json";

    fn schema_ref() -> MetaSchemaRef {
        MetaSchemaRef::Inline(Box::new(MetaSchema {
            description: Some("JSON that only the engine understands."),
            ..MetaSchema::ANY
        }))
    }
}

impl IntoResponse for OpaqueJson {
    fn into_response(self) -> Response {
        Response::builder().content_type(Self::CONTENT_TYPE).body(Box::<str>::from(self.0).into_string())
    }
}

impl ApiResponse for OpaqueJson {
    fn meta() -> MetaResponses {
        MetaResponses {
            responses: vec![MetaResponse {
                description: "What the engine answered, unchanged.",
                status: Some(200),
                status_range: None,
                content: vec![MetaMediaType { content_type: Self::CONTENT_TYPE, schema: Self::schema_ref() }],
                headers: vec![],
            }],
        }
    }

    fn register(_registry: &mut Registry) {}
}
