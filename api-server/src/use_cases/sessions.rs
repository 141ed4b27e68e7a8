//! Revocation: the session's row and its push event commit together (SPEC §6).

use chrono::{DateTime, Utc};
use serde_json::{Value, json};
use shared::db;
use shared::db::lists::Span;
use shared::db::sessions::{OpenedFilter, Session};
use shared::ids::{DeviceSessionId, UserId};
use shared::queue::wake::Topic;
use sqlx::PgConnection;

use super::bulk::{self, Walked, Wanted};
use super::caller::Caller;
use crate::app::App;
use crate::refusal::{ErrorCode, Problem};

/// Revokes a session, of `owner` if given; a revoked one stays as it is. Answers the session as it then is.
///
/// # Errors
/// `session_not_found`, also for a session of somebody else.
pub async fn revoke(app: &App, id: DeviceSessionId, owner: Option<UserId>, reason: &str) -> Result<Session, Problem> {
    let missing = || Problem::new(ErrorCode::SessionNotFound, "No such session.");
    let mut tx = app.db.begin().await?;
    let before =
        db::sessions::get(&mut tx, id).await?.filter(|s| owner.is_none_or(|o| o == s.user_id)).ok_or_else(missing)?;
    if db::sessions::revoke(&mut tx, id, reason).await? {
        db::push_log::append_invalidation(&mut tx, before.user_id, &[id], reason).await?;
    }
    let after = db::sessions::get(&mut tx, id).await?.ok_or_else(missing)?;
    tx.commit().await?;
    app.waker.wake(Topic::PushLog);
    Ok(after)
}

/// Revokes every active session of a user, with one invalidation that names them.
pub async fn revoke_all(app: &App, user_id: UserId, reason: &str) -> Result<Vec<DeviceSessionId>, Problem> {
    let mut tx = app.db.begin().await?;
    let revoked = revoke_all_in(&mut tx, user_id, reason).await?;
    tx.commit().await?;
    app.waker.wake(Topic::PushLog);
    Ok(revoked)
}

/// As [`revoke_all`], in a transaction that does more. Wake [`Topic::PushLog`] after its commit.
pub(super) async fn revoke_all_in(
    conn: &mut PgConnection,
    user_id: UserId,
    reason: &str,
) -> Result<Vec<DeviceSessionId>, Problem> {
    let revoked = db::sessions::revoke_all(&mut *conn, user_id, reason).await?;
    if !revoked.is_empty() {
        db::push_log::append_invalidation(conn, user_id, &revoked, reason).await?;
    }
    Ok(revoked)
}

/// Revokes the sessions that match of a piece of the accounts that have some, which the caller described as `shown`: those of each
/// account in a transaction, with one invalidation that names them.
///
/// # Errors
/// What the database answers, after which some may have been revoked.
pub async fn revoke_of_many(
    app: &App,
    caller: &Caller<'_>,
    filter: &OpenedFilter,
    shown: &Value,
    wanted: Wanted,
) -> Result<Walked, Problem> {
    let mut tx = app.db.begin().await?;
    let piece = wanted.piece(&mut tx).await?;
    let holders = db::sessions::holders(&mut tx, filter, &piece).await?;
    let detail = bulk::told(shown, &piece, &holders);
    caller.audit(&mut tx, "user.sessions.revoke_many", "user", "many", detail).await?;
    tx.commit().await?;
    bulk::one_by_one(holders, |user_id| revoke_opened(app, caller, user_id, filter.opened, piece.as_of)).await
}

/// Revokes the active sessions of a user that were opened in this span, and not after `as_of`; answers whether there were any.
async fn revoke_opened(
    app: &App,
    caller: &Caller<'_>,
    user_id: UserId,
    opened: Span,
    as_of: DateTime<Utc>,
) -> Result<bool, Problem> {
    let mut tx = app.db.begin().await?;
    let revoked = db::sessions::revoke_opened(&mut tx, user_id, opened, Some(as_of), "administrator").await?;
    // Somebody else was faster: there is nothing to tell.
    if revoked.is_empty() {
        return Ok(false);
    }
    db::push_log::append_invalidation(&mut tx, user_id, &revoked, "administrator").await?;
    let detail = json!({ "device_session_ids": revoked });
    caller.audit(&mut tx, "user.sessions.revoke_all", "user", &user_id.to_string(), detail).await?;
    tx.commit().await?;
    app.waker.wake(Topic::PushLog);
    Ok(true)
}
