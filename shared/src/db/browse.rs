//! What the filtered lists of administrators have in common: filters of which each may be absent, and spans of time.

use chrono::{DateTime, TimeDelta, Utc};
use sqlx::PgConnection;
use uuid::Uuid;

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
    /// The lowest id that a row made in this span may have, and one above the highest: ids begin with their time, so the
    /// primary key serves where no index on the time itself must be kept.
    pub(super) fn ids(&self) -> (Option<Uuid>, Option<Uuid>) {
        let from = self.after.map(|at| ids::lowest_at(at.checked_sub_signed(CLOCKS_DIFFER).unwrap_or(at)));
        let to = self.before.map(|at| ids::lowest_at(at.checked_add_signed(CLOCKS_DIFFER).unwrap_or(at)));
        (from, to)
    }

    /// The same, and below `before`, the last id of the page before.
    pub(super) fn ids_below(&self, before: Option<Uuid>) -> (Option<Uuid>, Option<Uuid>) {
        let (from, to) = self.ids();
        (from, [to, before].into_iter().flatten().min())
    }
}

/// Has the statements that follow in this transaction planned for the values that they are given. A plan for any values
/// can use no index that serves one filter alone, and none over literal states.
///
/// # Errors
/// What Postgres answers.
pub(super) async fn plan_for_values(conn: &mut PgConnection) -> Result<(), sqlx::Error> {
    sqlx::query!("SET LOCAL plan_cache_mode = force_custom_plan").execute(conn).await?;
    Ok(())
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
        let (from, to) = span.ids();
        assert!(from.unwrap() < id && id < to.unwrap());
        let past = Span { after: None, before: Some(now - TimeDelta::hours(2)) };
        assert!(past.ids().1.unwrap() < id);
        assert_eq!(span.ids_below(Some(id)).1, Some(id));
        assert_eq!(Span::default().ids_below(None), (None, None));
    }
}
