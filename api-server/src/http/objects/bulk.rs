//! What is done to many at once.

use poem_openapi::Object;

use crate::use_cases::bulk::Bulk;

/// What was done to many at once.
#[derive(Debug, Object)]
pub struct BulkResult {
    /// How many matched the filter. Not counted much beyond 10 000.
    pub matched: i64,
    /// How many were changed: the oldest, `limit` at most.
    pub changed: i64,
}

impl From<Bulk> for BulkResult {
    fn from(of: Bulk) -> Self {
        Self { matched: of.matched, changed: of.changed }
    }
}
