//! What the filtered lists of administrators have in common: filters of which each may be absent, and spans of time.
//!
//! Such a list walks one index and drops the rows that the other filters do not want. The filters that are given decide
//! which index. The planner must not decide: it takes columns for independent of one another and of time, and chooses
//! badly. So the statement is written in such a way that only one index fits:
//!
//! - The filter's column and the id are compared together, `(column, id) < ($value, $before)`, and both give the order.
//!   Only the index over both of them can be walked in that order.
//! - The walk ends with `column >= $value`, or with `(column, id) >= ($value, $lowest)` where the ids are bounded from
//!   below.
//! - `column = $value` would not do. The order would then be that of the ids alone. The primary key has that order too,
//!   and a walk along it passes over the rows of all other values.
//! - The other filters say `IS NOT DISTINCT FROM`, which the planner does not take for an equality.
//!
//! With [`walk_in_order`] this holds in both plans that Postgres may make, the one for the very values and the one for any
//! values. The exception is a list within one game or one account: there the column is compared by equality, since the
//! only index in the order of `(column, id)` begins with the game or the account.

use chrono::{DateTime, TimeDelta, Utc};
use sqlx::PgConnection;
use uuid::Uuid;

use super::keyset;
use crate::db::InTransaction;
use crate::ids;
use crate::postgres::Error;

/// How far two clocks may differ: that of the host that makes an id, and the database's, which says when the row was made.
/// A span is widened by this. Rows that it takes in too many are read in vain; a larger difference would lose rows.
const CLOCKS_DIFFER: TimeDelta = TimeDelta::minutes(10);

/// A span of time, open where a bound is absent.
#[derive(Debug, Clone, Copy, Default)]
pub struct Span {
    /// From here on.
    pub after: Option<DateTime<Utc>>,
    /// Up to here, not included.
    pub before: Option<DateTime<Utc>>,
}

impl Span {
    /// The lowest id that a row made in this span may have. Ids begin with their time, so the primary key serves, and the
    /// time needs no index of its own.
    pub(in crate::db) fn lowest_id(&self) -> Uuid {
        self.after.map_or(Uuid::nil(), |at| ids::lowest_at(at.checked_sub_signed(CLOCKS_DIFFER).unwrap_or(at)))
    }

    /// One above the highest id that a row made in this span may have.
    fn above_ids(&self) -> Uuid {
        self.before.map_or(Uuid::max(), |at| ids::lowest_at(at.checked_add_signed(CLOCKS_DIFFER).unwrap_or(at)))
    }

    /// The id below which a page begins: below the last id of the page before it, and not above this span.
    pub(in crate::db) fn below<Id: Into<Uuid>>(&self, before: Option<Id>) -> Uuid {
        self.above_ids().min(keyset::below(before))
    }
}

/// Turns sorting off for this transaction, and answers its connection. Postgres then walks the index in page order and
/// stops when the page is full. Without this it may collect and sort every match, because it underestimates how many
/// there are.
pub(in crate::db) async fn walk_in_order(tx: &mut impl InTransaction) -> Result<&mut PgConnection, Error> {
    let conn = &mut **tx;
    sqlx::query!(
        "SELECT set_config('enable_sort', 'off', true) AS a, set_config('enable_incremental_sort', 'off', true) AS b"
    )
    .fetch_one(&mut *conn)
    .await?;
    Ok(conn)
}

/// Makes Postgres plan each statement that follows in this transaction for the very values that it is given, and answers
/// the connection. It is for choosing many rows at once, as bulk operations do, where no index is walked page by page. A
/// plan for any values cannot use an index that serves one filter alone, or a partial index over literal states.
pub(in crate::db) async fn plan_for_values(tx: &mut impl InTransaction) -> Result<&mut PgConnection, Error> {
    let conn = &mut **tx;
    sqlx::query!("SET LOCAL plan_cache_mode = force_custom_plan").execute(&mut *conn).await?;
    Ok(conn)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::DeliveryId;

    #[test]
    fn an_id_made_now_lies_in_the_span_of_now() {
        let now = crate::clock::Clock::system().now();
        let id = DeliveryId::new().uuid();
        let span = Span { after: Some(now), before: Some(now + TimeDelta::milliseconds(1)) };
        assert!(span.lowest_id() < id && id < span.above_ids());
        let past = Span { after: None, before: Some(now - TimeDelta::hours(2)) };
        assert!(past.above_ids() < id);
        let open = Span::default();
        assert!(open.lowest_id() < id && id < open.above_ids());
        assert_eq!((open.below(Some(id)), past.below(Some(id))), (id, past.above_ids()));
    }
}
