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

/// A piece of what `$matching` selects, ids of the named column and type: `$1` is when it was looked at, `$2` the id above which the
/// piece begins, and its own arguments begin at `$5`.
macro_rules! chosen {
    ($conn:expr, $piece:expr, $column:literal, $id:literal, $matching:literal $(, $argument:expr)*) => {{
        let row = sqlx::query!(
            "WITH matching AS MATERIALIZED (" + $matching + " ORDER BY 1 LIMIT $3)
             SELECT (SELECT count(*) FROM matching) AS \"matched!\",
                    ARRAY(SELECT " + $column + " FROM matching ORDER BY 1 LIMIT $4) AS \"ids!: Vec<" + $id + ">\"",
            $piece.as_of,
            $piece.above(),
            $crate::db::lists::MATCHED_LIMIT,
            i64::from($piece.limit)
            $(, $argument)*
        )
        .fetch_one($conn)
        .await?;
        $crate::db::lists::Chosen { matched: row.matched, ids: row.ids }
    }};
}
pub(in crate::db) use chosen;
