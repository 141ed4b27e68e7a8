//! Setting dead routes and notifications going again, or putting them away, at an administrator's word.

use sqlx::PgConnection;
use uuid::Uuid;

use super::browse::{DeadLetterFilter, chosen_dead};
use crate::db::InTransaction;
use crate::db::lists::{MATCHED_LIMIT, plan_for_values};
use crate::db::queues;
use crate::domain::notification::{Channel, RouteStatus};
use crate::ids::{GameId, NotificationId, UserId};
use crate::postgres::Error;
use crate::queue::{dismiss as dismiss_rows, redrive as redrive_rows};

/// Rows of the two queues of notifications, locked until the transaction ends.
#[derive(Debug, Clone, Default)]
pub struct Picked {
    /// How many match, each queue's counted up to [`MATCHED_LIMIT`].
    pub matched: i64,
    /// Notifications of which no more routes could be made.
    pub notifications: Vec<Uuid>,
    /// Routes.
    pub routes: Vec<Uuid>,
}

/// Locks one route or notification by its id, if it is in one of the states `from`. `Err(status)`: it is there, in this other
/// state. `None`: there is none of this id.
pub async fn pick_one(
    tx: &mut impl InTransaction,
    id: Uuid,
    from: &[RouteStatus],
) -> Result<Option<Result<Picked, &'static str>>, Error> {
    let conn = &mut **tx;
    let route = sqlx::query_scalar!("SELECT status FROM notification_routes WHERE route_id = $1 FOR NO KEY UPDATE", id)
        .fetch_optional(&mut *conn)
        .await?;
    if let Some(status) = route {
        let picked = Picked { matched: 1, routes: vec![id], ..Picked::default() };
        return Ok(Some(if from.contains(&status) { Ok(picked) } else { Err(status.as_str()) }));
    }
    let notification =
        sqlx::query_scalar!("SELECT status FROM notifications WHERE notification_id = $1 FOR NO KEY UPDATE", id)
            .fetch_optional(conn)
            .await?;
    Ok(notification.map(|status| {
        let picked = Picked { matched: 1, notifications: vec![id], ..Picked::default() };
        // The states of both that matter here have the same names.
        let status = status.as_str();
        if from.iter().any(|state| state.as_str() == status) { Ok(picked) } else { Err(status) }
    }))
}

/// Locks the oldest `limit` dead letters that match, notifications before routes. Those that another administrator has
/// locked are passed over and not waited for: whoever has them sets them going.
pub async fn pick(tx: &mut impl InTransaction, filter: &DeadLetterFilter, limit: i64) -> Result<Picked, Error> {
    let conn = plan_for_values(tx).await?;
    macro_rules! picked {
        ($routes:tt, $notifications:tt $(, $argument:expr)*) => {
            sqlx::query!(
                "WITH n AS MATERIALIZED (
                   SELECT d.notification_id AS id FROM notifications d WHERE " + $notifications + "
                    ORDER BY d.notification_id LIMIT $10 FOR NO KEY UPDATE OF d SKIP LOCKED),
                 r AS MATERIALIZED (
                   SELECT d.route_id AS id FROM notification_routes d WHERE " + $routes + r#"
                    ORDER BY d.route_id LIMIT $10 - (SELECT count(*) FROM n) FOR NO KEY UPDATE OF d SKIP LOCKED)
                 SELECT (SELECT coalesce(array_agg(id), '{}') FROM n) AS "notifications!",
                        (SELECT coalesce(array_agg(id), '{}') FROM r) AS "routes!",
                        (SELECT count(*) FROM (SELECT FROM notifications d WHERE "# + $notifications + " LIMIT $11) AS m)
                        + (SELECT count(*) FROM (SELECT FROM notification_routes d WHERE " + $routes + r#" LIMIT $11) AS m) AS "matched!""#
                $(, $argument)*
            )
        };
    }
    let row = chosen_dead!(picked, filter, limit, MATCHED_LIMIT).fetch_one(conn).await?;
    Ok(Picked { matched: row.matched, notifications: row.notifications, routes: row.routes })
}

/// Makes locked dead letters due now, with a clean slate. They give up their places in their games' order (SPEC §13): what
/// came after them has gone on, nobody waits for them, and they wait for nobody. Answers how many it were. Wake
/// [`Topic::Notifications`](crate::queue::Topic::Notifications) and [`Topic::Routes`](crate::queue::Topic::Routes) after the
/// commit.
pub async fn redrive(conn: &mut PgConnection, picked: &Picked) -> Result<u64, Error> {
    let mut changed = redrive_rows(conn, &queues::NOTIFICATIONS, &picked.notifications).await?;
    changed += redrive_rows(conn, &queues::ROUTES, &picked.routes).await?;
    if !picked.notifications.is_empty() {
        let ids = &picked.notifications;
        sqlx::query!("UPDATE notifications SET game_seq = NULL WHERE notification_id = ANY ($1)", ids)
            .execute(&mut *conn)
            .await?;
    }
    if !picked.routes.is_empty() {
        let ids = &picked.routes;
        sqlx::query!("UPDATE notification_routes SET game_seq = NULL WHERE route_id = ANY ($1)", ids)
            .execute(conn)
            .await?;
    }
    Ok(changed)
}

/// Puts locked dead letters away. Answers how many it were.
pub async fn dismiss(conn: &mut PgConnection, picked: &Picked) -> Result<u64, Error> {
    let notifications = dismiss_rows(conn, &queues::NOTIFICATIONS, &picked.notifications).await?;
    Ok(notifications + dismiss_rows(conn, &queues::ROUTES, &picked.routes).await?)
}
