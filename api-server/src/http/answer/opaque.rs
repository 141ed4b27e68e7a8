//! Answers that are not ours: what an engine said passes byte for byte (SPEC §9).

use poem::{IntoResponse, Response};
use poem_openapi::ApiResponse;
use poem_openapi::payload::Payload;
use poem_openapi::registry::{MetaMediaType, MetaResponse, MetaResponses, MetaSchema, MetaSchemaRef, Registry};
use serde_json::value::RawValue;

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
