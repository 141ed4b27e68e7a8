//! The answer of every deleting operation.

use poem_openapi::ApiResponse;

/// It is gone, or was before.
#[derive(ApiResponse)]
pub enum Deleted {
    /// It is gone; so it is when it was gone before.
    #[oai(status = 204)]
    Deleted,
}
