//! The answer of every creating operation: 201, the object, and where it stands.

use poem_openapi::ApiResponse;
use poem_openapi::payload::Json;
use poem_openapi::types::ToJSON;

/// Made, or made before under the same `Idempotency-Key`.
#[derive(ApiResponse)]
pub enum Created<T: ToJSON> {
    /// The object as it is now.
    #[oai(status = 201)]
    Created(
        Json<T>,
        /// Path of the object.
        #[oai(header = "Location")]
        String,
    ),
}

impl<T: ToJSON> Created<T> {
    /// The object and its path below `/api/v1`.
    pub fn at(path: &str, object: T) -> Self {
        Self::Created(Json(object), format!("/api/v1{path}"))
    }
}
