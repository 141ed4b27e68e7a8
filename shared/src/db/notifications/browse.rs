//! Notifications and their dead letters as administrators see them.

use chrono::{DateTime, Utc};
use serde::Deserialize;
use serde_json::Value;
use sqlx::PgConnection;
use sqlx::types::Json;
use uuid::Uuid;

use crate::db::InTransaction;
use crate::db::lists::{Span, walk_in_order};
use crate::domain::notification::{Channel, NotificationStatus, RouteStatus};
use crate::ids::{GameId, NotificationId, RouteId, UserId};
use crate::postgres::Error;

/// A notification with the first of its routes.
#[derive(Debug, Clone)]
pub struct Notification {
    /// The notification's id.
    pub notification_id: NotificationId,
    /// What it is about.
    pub kind: String,
    /// The producer's key.
    pub idempotency_key: String,
    /// `users`, `game_members`, `everyone` or `administrators`.
    pub audience: String,
    /// The game it concerns.
    pub game_id: Option<GameId>,
    /// What it says.
    pub payload: Value,
    /// Where its expansion stands.
    pub status: NotificationStatus,
    /// Attempts to expand it, each chunk of a broadcast among them.
    pub attempts: i32,
    /// What went wrong last.
    pub last_error: Option<String>,
    /// The request that caused it.
    pub request_id: Option<String>,
    /// When it was produced.
    pub created_at: DateTime<Utc>,
    /// By channel and recipient; one more than asked for where there are more.
    pub routes: Vec<Route>,
}

/// A notification's way to one recipient over one channel.
#[derive(Debug, Clone, Deserialize)]
pub struct Route {
    /// The route's id.
    pub route_id: RouteId,
    /// `push`, `email` or `admin_email`.
    pub channel: String,
    /// To whom; `None` for the administrators.
    pub user_id: Option<UserId>,
    /// `pending`, `dispatching`, `retrying`, `delivered`, `dead_lettered`, `quarantined` or `skipped`.
    pub status: String,
    /// Attempts so far.
    pub attempts: i32,
    /// What went wrong last, or why it was skipped.
    pub last_error: Option<String>,
}

/// Which notifications; what is absent leaves the choice open.
#[derive(Debug, Clone, Default)]
pub struct NotificationFilter {
    /// Of this kind.
    pub kind: Option<String>,
    /// Whose expansion is in this state.
    pub status: Option<NotificationStatus>,
    /// About this game.
    pub game_id: Option<GameId>,
    /// Produced in this span.
    pub created: Span,
}

/// The one list of columns of a [`Notification`] with at most `$routes` routes, for the rows that `WHERE $chosen $page` leaves.
macro_rules! notifications {
    ($chosen:tt $page:tt, $routes:tt $(, $argument:expr)*) => {
        sqlx::query!(
            r#"SELECT n.notification_id AS "notification_id!: NotificationId", n.kind AS "kind!", n.idempotency_key AS "idempotency_key!",
                      n.audience AS "audience!", n.game_id AS "game_id?: GameId", n.payload AS "payload!", n.status AS "status!",
                      n.attempt_no AS "attempts!", n.last_error AS "last_error?", n.request_id AS "request_id?",
                      n.created_at AS "created_at!", r.routes AS "routes!: Json<Vec<Route>>"
                 FROM (SELECT n.* FROM notifications n WHERE "# + $chosen + $page + r#") n
                 CROSS JOIN LATERAL (
                   SELECT coalesce(jsonb_agg(jsonb_build_object('route_id', route_id, 'channel', channel, 'user_id', user_id,
                                                                'status', status, 'attempts', attempt_no, 'last_error', last_error)
                                             ORDER BY channel, user_id), '[]') AS routes
                     FROM (SELECT * FROM notification_routes WHERE notification_id = n.notification_id
                            ORDER BY channel, user_id LIMIT "# + $routes + r#") f) r
                ORDER BY n.notification_id DESC"#
            $(, $argument)*
        )
        .map(|row| Notification {
            notification_id: row.notification_id,
            kind: row.kind,
            idempotency_key: row.idempotency_key,
            audience: row.audience,
            game_id: row.game_id,
            payload: row.payload,
            status: row.status,
            attempts: row.attempts,
            last_error: row.last_error,
            request_id: row.request_id,
            created_at: row.created_at,
            routes: row.routes.0,
        })
    };
}

/// One notification, with at most `routes` routes.
pub async fn notification(
    conn: &mut PgConnection,
    id: NotificationId,
    routes: i64,
) -> Result<Option<Notification>, Error> {
    Ok(notifications!("n.notification_id = $1" "", "$2", id.uuid(), routes).fetch_optional(conn).await?)
}

/// Notifications, newest first, from below `before`, with at most `routes` routes each. With several filters the one that
/// leaves fewest, as a rule, is walked and the others pass over notifications.
pub async fn notifications(
    tx: &mut impl InTransaction,
    filter: &NotificationFilter,
    before: Option<NotificationId>,
    limit: i64,
    routes: i64,
) -> Result<Vec<Notification>, Error> {
    let conn = walk_in_order(tx).await?;
    macro_rules! walk {
        ($walk:literal) => {
            notifications!(
                "($3::timestamptz IS NULL OR n.created_at >= $3) AND ($4::timestamptz IS NULL OR n.created_at < $4)
                 AND ($5::text IS NULL OR n.kind IS NOT DISTINCT FROM $5) AND ($6::text IS NULL OR n.status IS NOT DISTINCT FROM $6)
                 AND ($7::uuid IS NULL OR n.game_id IS NOT DISTINCT FROM $7) AND " $walk,
                "$9",
                filter.created.below(before),
                filter.created.lowest_id(),
                filter.created.after,
                filter.created.before,
                filter.kind,
                filter.status.map(NotificationStatus::as_str),
                filter.game_id.map(GameId::uuid),
                limit,
                routes
            )
            .fetch_all(conn)
            .await?
        };
    }
    Ok(match filter {
        NotificationFilter { game_id: Some(_), .. } => walk!(
            "n.game_id IS NOT NULL AND (n.game_id, n.notification_id) < ($7, $1) AND (n.game_id, n.notification_id) >= ($7, $2)
             ORDER BY n.game_id DESC, n.notification_id DESC LIMIT $8"
        ),
        // Nearly all are expanded, and stand in no index by status.
        NotificationFilter { status: Some(status), .. } if *status != NotificationStatus::Expanded => walk!(
            "n.status <> 'expanded' AND (n.status, n.notification_id) < ($6, $1) AND (n.status, n.notification_id) >= ($6, $2)
             ORDER BY n.status DESC, n.notification_id DESC LIMIT $8"
        ),
        NotificationFilter { kind: Some(_), .. } => walk!(
            "(n.kind, n.notification_id) < ($5, $1) AND (n.kind, n.notification_id) >= ($5, $2)
             ORDER BY n.kind DESC, n.notification_id DESC LIMIT $8"
        ),
        _ => walk!("n.notification_id < $1 AND n.notification_id >= $2 ORDER BY n.notification_id DESC LIMIT $8"),
    })
}

/// What died on its way: a route, or a notification of which no more routes could be made.
#[derive(Debug, Clone)]
pub struct DeadLetter {
    /// The route's id, or the notification's.
    pub dead_letter_id: Uuid,
    /// Where it died: `notifications` (expansion) or `notification_routes` (dispatch).
    pub queue: String,
    /// The notification.
    pub notification_id: NotificationId,
    /// What it is about.
    pub kind: String,
    /// The route's channel.
    pub channel: Option<String>,
    /// The route's recipient.
    pub user_id: Option<UserId>,
    /// The game it concerns.
    pub game_id: Option<GameId>,
    /// `dead_lettered` or `quarantined`; `pending` once it was re-driven.
    pub status: String,
    /// Attempts so far.
    pub attempts: i32,
    /// What went wrong last.
    pub last_error: Option<String>,
    /// When the notification, or the route, was made.
    pub created_at: DateTime<Utc>,
    /// When it died.
    pub failed_at: Option<DateTime<Utc>>,
}

/// Which dead letters; what is absent leaves the choice open.
#[derive(Debug, Clone, Default)]
pub struct DeadLetterFilter {
    /// Dead in this queue.
    pub queue: Option<String>,
    /// Of [`RouteStatus::DEAD`].
    pub status: Option<RouteStatus>,
    /// Of a notification of this kind.
    pub kind: Option<String>,
    /// Of this notification.
    pub notification_id: Option<NotificationId>,
    /// Over this channel; leaves no notifications.
    pub channel: Option<Channel>,
    /// To this user; leaves no notifications.
    pub user_id: Option<UserId>,
    /// About this game.
    pub game_id: Option<GameId>,
    /// Dead since this span.
    pub failed: Span,
}

/// The condition that a [`DeadLetterFilter`] makes of routes `d` and, for the second text, of notifications `d`: hands both,
/// and the arguments `$1` to `$9`, to `$then!`. The states are there as literals beside the chosen one, so that the partial
/// indexes over what is dead serve, and nothing else is looked at.
macro_rules! chosen_dead {
    ($then:ident, $filter:expr $(, $more:expr)*) => {
        $then!(
            "d.status IN ('dead_lettered', 'quarantined') AND ($1::text IS NULL OR $1 = 'notification_routes')
             AND ($2::text IS NULL OR d.status = $2)
             AND ($3::text IS NULL OR (SELECT k.kind FROM notifications k WHERE k.notification_id = d.notification_id) = $3)
             AND ($4::uuid IS NULL OR d.notification_id = $4) AND ($5::text IS NULL OR d.channel = $5)
             AND ($6::uuid IS NULL OR d.user_id = $6) AND ($7::uuid IS NULL OR d.game_id = $7)
             AND ($8::timestamptz IS NULL OR d.finished_at >= $8) AND ($9::timestamptz IS NULL OR d.finished_at < $9)",
            "d.status IN ('dead_lettered', 'quarantined') AND ($1::text IS NULL OR $1 = 'notifications')
             AND ($2::text IS NULL OR d.status = $2) AND ($3::text IS NULL OR d.kind = $3)
             AND ($4::uuid IS NULL OR d.notification_id = $4) AND $5::text IS NULL AND $6::uuid IS NULL
             AND ($7::uuid IS NULL OR d.game_id = $7)
             AND ($8::timestamptz IS NULL OR d.finished_at >= $8) AND ($9::timestamptz IS NULL OR d.finished_at < $9)",
            $filter.queue,
            $filter.status.map(RouteStatus::as_str),
            $filter.kind,
            $filter.notification_id.map(NotificationId::uuid),
            $filter.channel.map(Channel::as_str),
            $filter.user_id.map(UserId::uuid),
            $filter.game_id.map(GameId::uuid),
            $filter.failed.after,
            $filter.failed.before
            $(, $more)*
        )
    };
}
pub(super) use chosen_dead;

/// The one list of columns of a [`DeadLetter`], for the routes and the notifications that these conditions leave.
macro_rules! dead_letters {
    ($routes:tt $first_routes:tt, $notifications:tt $first_notifications:tt, $page:tt $(, $argument:expr)*) => {
        sqlx::query_as!(
            DeadLetter,
            r#"SELECT u.id AS "dead_letter_id!", u.queue AS "queue!",
               u.notification_id AS "notification_id!: NotificationId", n.kind AS "kind!",
                      u.channel AS "channel?", u.user_id AS "user_id?: UserId", n.game_id AS "game_id?: GameId", u.status AS "status!",
                      u.attempt_no AS "attempts!", u.last_error AS "last_error?", u.created_at AS "created_at!",
                      CASE WHEN u.status IN ('dead_lettered', 'quarantined') THEN u.finished_at END AS failed_at
                 FROM ((SELECT d.route_id AS id, 'notification_routes' AS queue, d.notification_id, d.channel, d.user_id, d.status,
                               d.attempt_no, d.last_error, d.created_at, d.finished_at
                          FROM notification_routes d WHERE "# + $routes + $first_routes + r#")
                       UNION ALL
                       (SELECT d.notification_id, 'notifications', d.notification_id, NULL, NULL, d.status,
                               d.attempt_no, d.last_error, d.created_at, d.finished_at
                          FROM notifications d WHERE "# + $notifications + $first_notifications + ") " + $page + r#") u
                 JOIN notifications n ON n.notification_id = u.notification_id
                ORDER BY u.id DESC"#
            $(, $argument)*
        )
    };
}

/// A route or a notification as a dead letter, whatever became of it meanwhile.
pub async fn dead_letter(conn: &mut PgConnection, id: Uuid) -> Result<Option<DeadLetter>, Error> {
    Ok(dead_letters!("d.route_id = $1" "", "d.notification_id = $1" "", "", id).fetch_optional(conn).await?)
}

/// Dead letters of both queues, newest first by when the rows were made, from below `before`. What is dead
/// is walked, and the filters pass over the rest of it.
pub async fn dead_letters(
    tx: &mut impl InTransaction,
    filter: &DeadLetterFilter,
    before: Option<Uuid>,
    limit: i64,
) -> Result<Vec<DeadLetter>, Error> {
    let conn = walk_in_order(tx).await?;
    macro_rules! page {
        ($routes:tt, $notifications:tt $(, $argument:expr)*) => {
            dead_letters!(
                $routes " AND d.route_id < $10 ORDER BY d.route_id DESC LIMIT $11",
                $notifications " AND d.notification_id < $10 ORDER BY d.notification_id DESC LIMIT $11",
                "ORDER BY 1 DESC LIMIT $11"
                $(, $argument)*
            )
        };
    }
    // Nothing dies before it is made; a route, after its notification.
    let below = filter.failed.below(before);
    Ok(chosen_dead!(page, filter, below, limit).fetch_all(conn).await?)
}
