//! The producer's side: one row, in the producer's own transaction.

use chrono::{DateTime, Utc};
use sqlx::PgConnection;
use uuid::Uuid;

use crate::domain::notification::{Audience, Payload};
use crate::ids::{GameId, NotificationId};
use crate::postgres::Error;

/// A notification to be written.
#[derive(Debug, Clone)]
pub struct NewNotification {
    /// What it says; also its kind.
    pub payload: Payload,
    /// Unique within the kind: written once, however often it is produced.
    pub idempotency_key: String,
    /// Who gets it. Kinds for the administrators go to them whatever stands here.
    pub audience: Audience,
    /// The game it is about; [`Audience::GameMembers`] needs one.
    pub game_id: Option<GameId>,
    /// The request that caused it.
    pub request_id: Option<String>,
    /// W3C `traceparent` of the cause: the workers' spans link to it.
    pub traceparent: Option<String>,
}

/// Writes one notification and answers whether it is new. A known `(kind, idempotency_key)` changes nothing, and a
/// `mail.dead_lettered` about the mail of another `mail.dead_lettered` is never written.
///
/// An ordered kind takes the next number of its game, and with it the game's row lock until the transaction ends:
/// numbers are given in the order of commits, which is what push order means. Callers that hold other locks take the
/// game's first. Wake [`Topic::Notifications`](crate::queue::Topic) after the commit.
///
/// # Errors
/// Those of the database; `notifications_game_id_fkey` when there is no such game.
pub async fn produce(conn: &mut PgConnection, new: NewNotification) -> Result<bool, Error> {
    write(conn, new, None, None).await
}

/// As [`produce`], but no mail goes out: the routes of e-mail are recorded `skipped`, for this reason.
///
/// # Errors
/// As [`produce`].
pub async fn produce_unmailed(conn: &mut PgConnection, new: NewNotification, why: &str) -> Result<bool, Error> {
    write(conn, new, Some(why), None).await
}

/// As [`produce`], of a notification that waits until `due`, by the database's clock.
///
/// # Errors
/// As [`produce`].
pub async fn produce_at(
    conn: &mut PgConnection,
    new: NewNotification,
    due: Option<DateTime<Utc>>,
) -> Result<bool, Error> {
    write(conn, new, None, due).await
}

async fn write(
    conn: &mut PgConnection,
    new: NewNotification,
    unmailed: Option<&str>,
    due: Option<DateTime<Utc>>,
) -> Result<bool, Error> {
    if new.payload.about_itself() {
        return Ok(false);
    }
    let kind = new.payload.kind();
    let audience = if kind.for_administrators() { Audience::Administrators } else { new.audience };
    let user_ids: Vec<Uuid> = match &audience {
        Audience::Users(users) => users.iter().map(|u| u.uuid()).collect(),
        Audience::GameMembers | Audience::Everyone | Audience::Administrators => Vec::new(),
    };
    let numbered = kind.ordered() && audience != Audience::Everyone;
    let done = sqlx::query!(
        r#"WITH numbered AS (
               UPDATE games SET notification_seq = notification_seq + 1 WHERE game_id = $6 AND $7 RETURNING notification_seq)
           INSERT INTO notifications (notification_id, kind, idempotency_key, audience, user_ids, game_id, game_seq, payload,
                                      priority, request_id, traceparent, unmailed, next_attempt_at)
           VALUES ($1, $2, $3, $4, $5, $6, (SELECT notification_seq FROM numbered), $8, $9, $10, $11, $12,
                   coalesce($13, clock_timestamp()))
           ON CONFLICT (kind, idempotency_key) DO NOTHING"#,
        NotificationId::new().uuid(),
        kind.as_str(),
        new.idempotency_key,
        audience.kind().as_str(),
        &user_ids,
        new.game_id.map(GameId::uuid),
        numbered,
        new.payload.to_json(),
        audience.priority(),
        new.request_id,
        new.traceparent,
        unmailed,
        due,
    )
    .execute(conn)
    .await?;
    Ok(done.rows_affected() == 1)
}
