//! A piece of all that matches, for what is done to many (SPEC §4 "Bulk").

use chrono::{DateTime, Utc};
use uuid::Uuid;

/// Of more that match no more are counted.
pub const MATCHED_LIMIT: i64 = 10_000;

/// Which piece: the set is walked from its lowest id upwards, so that what is refused is not met again.
#[derive(Debug, Clone, Copy)]
pub struct Piece {
    /// What came to match after this is left out.
    pub as_of: DateTime<Utc>,
    /// Above this id; `None`: from the beginning.
    pub after: Option<Uuid>,
    /// At most so many.
    pub limit: u16,
}

impl Piece {
    /// The id above which the piece begins, for `WHERE id > $n`.
    pub(in crate::db) fn above(&self) -> Uuid {
        self.after.unwrap_or(Uuid::nil())
    }
}

/// What a piece holds.
#[derive(Debug, Clone)]
pub struct Chosen<Id> {
    /// How many match, from where the piece begins; counted up to [`MATCHED_LIMIT`].
    pub matched: i64,
    /// Those of the piece, lowest first.
    pub ids: Vec<Id>,
}
