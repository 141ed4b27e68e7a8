//! What is done to many at once.

use chrono::{DateTime, Utc};
use poem_openapi::Object;
use uuid::Uuid;

use crate::http::request::filters::{BULK_DEFAULT, time};
use crate::http::request::page;
use crate::refusal::{ErrorCode, Problem};
use crate::use_cases::bulk::{Bulk, Walked, Wanted};

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

/// What was done to a piece of a set, one by one.
#[derive(Debug, Object)]
pub struct PieceResult {
    /// How many matched the filter, from where the piece began. Not counted beyond 10 000.
    pub matched: i64,
    /// How many were changed: the oldest, `limit` at most.
    pub changed: i64,
    /// Those that were not, each as if it had been asked for by itself.
    pub refused: Vec<RefusedItem>,
    /// Pass it as `cursor` for the next piece; null on the last one.
    pub next_cursor: Option<String>,
}

/// One to which nothing was done.
#[derive(Debug, Object)]
pub struct RefusedItem {
    /// Its id.
    pub id: Uuid,
    /// Why, as the operation on it alone would say.
    pub code: ErrorCode,
}

impl From<Walked> for PieceResult {
    fn from(of: Walked) -> Self {
        Self {
            matched: of.matched,
            changed: of.changed,
            refused: of.refused.into_iter().map(|(id, code)| RefusedItem { id, code }).collect(),
            next_cursor: of.last.map(page::encode),
        }
    }
}

/// Which piece a body asks for.
///
/// # Errors
/// `invalid_request` naming the member.
pub fn wanted(as_of: Option<DateTime<Utc>>, cursor: Option<&str>, limit: Option<u16>) -> Result<Wanted, Problem> {
    Ok(Wanted {
        as_of: as_of.map(|at| time("/as_of", at)).transpose()?,
        after: cursor.map(|cursor| page::decode("/cursor", cursor)).transpose()?,
        limit: limit.unwrap_or(BULK_DEFAULT),
    })
}
