//! What the filtered lists of administrators have in common: filters of which each may be absent, and spans of time.
//!
//! Such a list walks one index, chosen by the filters that are there, and the other filters pass over what it gives. Which
//! index is not left to the planner, which takes columns for independent of one another and of time: an index over a filter's
//! column and the id is walked by comparing both together, `(column, id) < ($value, $before)`, and ordered by both; it ends
//! with `column >= $value`, or `(column, id) >= ($value, $lowest)` where the ids are bounded from below. With an equality in
//! its place the order would be that of the ids alone, which the primary key gives too, past all other rows; for the same
//! reason the filters say `IS NOT DISTINCT FROM`, which equates nothing in the planner's eyes. Together with
//! [`walk_in_order`] that holds in every plan, for the very values or for any. Only within one game or one account, whose
//! rows no index gives in the order of `(column, id)` but the one that begins with it, that is an equality.

use chrono::{DateTime, TimeDelta, Utc};
use sqlx::PgConnection;
use uuid::Uuid;

use super::keyset;
use crate::db::InTransaction;
use crate::ids;

/// How far apart the clock of the host that makes an id and the database's clock, which says when the row was made, are
/// taken to be at most. What lies between them is read in vain; what lies beyond would be missed.
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
    /// The lowest id that a row made in this span may have: ids begin with their time, so the primary key serves where no
    /// index on the time itself must be kept.
    pub(in crate::db) fn lowest_id(&self) -> Uuid {
        self.after.map_or(Uuid::nil(), |at| ids::lowest_at(at.checked_sub_signed(CLOCKS_DIFFER).unwrap_or(at)))
    }

    /// One above the highest id that a row made in this span may have.
    fn above_ids(&self) -> Uuid {
        self.before.map_or(Uuid::max(), |at| ids::lowest_at(at.checked_add_signed(CLOCKS_DIFFER).unwrap_or(at)))
    }

    /// The same, or where a page begins, below the last id of the page before.
    pub(in crate::db) fn below<Id: Into<Uuid>>(&self, before: Option<Id>) -> Uuid {
        self.above_ids().min(keyset::below(before))
    }
}

/// Turns sorting off for this transaction, and answers its connection. Postgres then walks the index in page order and stops
/// when the page is full. Without this it may collect and sort every match, because it underestimates how many there are.
///
/// # Errors
/// What Postgres answers.
pub(in crate::db) async fn walk_in_order(tx: &mut impl InTransaction) -> Result<&mut PgConnection, sqlx::Error> {
    let conn = &mut **tx;
    sqlx::query!(
        "SELECT set_config('enable_sort', 'off', true) AS a, set_config('enable_incremental_sort', 'off', true) AS b"
    )
    .fetch_one(&mut *conn)
    .await?;
    Ok(conn)
}

/// Has the statements that follow in this transaction planned for the values that they are given, and answers its connection:
/// for choices that no list shows page by page. A plan for any values can use no index that serves one filter alone, and none
/// over literal states.
///
/// # Errors
/// What Postgres answers.
pub(in crate::db) async fn plan_for_values(tx: &mut impl InTransaction) -> Result<&mut PgConnection, sqlx::Error> {
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
