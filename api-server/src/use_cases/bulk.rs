//! What is done to many at once (SPEC §4 "Bulk"): to a set that does not grow while it is worked, piece by piece.

use std::fmt::Display;

use chrono::{DateTime, Utc};
use serde_json::{Value, json};
use shared::db;
use shared::db::lists::{Chosen, Piece};
use sqlx::PgConnection;
use uuid::Uuid;

use crate::refusal::{ErrorCode, Problem};

/// What came of what is done in one transaction.
#[derive(Debug, Clone, Copy)]
pub struct Bulk {
    /// How many matched the choice.
    pub matched: i64,
    /// How many were changed.
    pub changed: i64,
}

/// Which piece of a set is wanted.
#[derive(Debug, Clone, Copy)]
pub struct Wanted {
    /// When the set was looked at; `None`: now.
    pub as_of: Option<DateTime<Utc>>,
    /// The last of the piece before.
    pub after: Option<Uuid>,
    /// At most so many.
    pub limit: u16,
}

impl Wanted {
    /// The piece, by the database's clock: what a caller's clock calls later than now is now.
    pub async fn piece(self, conn: &mut PgConnection) -> Result<Piece, Problem> {
        let now = db::games::now(conn).await?;
        let as_of = self.as_of.map_or(now, |at| at.min(now));
        Ok(Piece { as_of, after: self.after, limit: self.limit })
    }
}

/// What came of a piece whose items are changed one by one, each in a transaction of its own.
#[derive(Debug, Clone)]
pub struct Walked {
    /// How many matched the choice, from where the piece began.
    pub matched: i64,
    /// How many were changed.
    pub changed: i64,
    /// Those that were not, and why.
    pub refused: Vec<(Uuid, ErrorCode)>,
    /// The last of the piece, where more follow.
    pub last: Option<Uuid>,
}

/// What the trail says of a piece before it is worked: each item that is changed has a line of its own besides.
pub fn told<Id: Display>(filter: &Value, piece: &Piece, chosen: &Chosen<Id>) -> Value {
    let ids: Vec<String> = chosen.ids.iter().map(ToString::to_string).collect();
    json!({ "filter": filter, "as_of": piece.as_of, "limit": piece.limit, "matched": chosen.matched, "ids": ids })
}

/// Does something to each item of a piece; `does` answers whether it changed it. One that refuses is passed over.
///
/// # Errors
/// What is wrong with the server: some may have been changed, and the same call again goes on.
pub async fn one_by_one<Id, Does, Done>(chosen: Chosen<Id>, does: Does) -> Result<Walked, Problem>
where
    Id: Copy + Into<Uuid>,
    Does: Fn(Id) -> Done,
    Done: Future<Output = Result<bool, Problem>>,
{
    let more = chosen.matched > i64::try_from(chosen.ids.len()).unwrap_or(i64::MAX);
    let last = chosen.ids.last().filter(|_| more).map(|id| (*id).into());
    let mut walked = Walked { matched: chosen.matched, changed: 0, refused: Vec::new(), last };
    for id in chosen.ids {
        match does(id).await {
            Ok(changed) => walked.changed += i64::from(changed),
            Err(problem) if problem.code.status().is_client_error() => walked.refused.push((id.into(), problem.code)),
            Err(problem) => return Err(problem),
        }
    }
    Ok(walked)
}
