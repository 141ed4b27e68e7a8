//! Revocation: the session's row and its push event commit together (SPEC §6).

use shared::db;
use shared::db::sessions::Session;
use shared::ids::{DeviceSessionId, UserId};
use shared::queue::wake::Topic;
use sqlx::PgConnection;

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
