//! Device sessions (SPEC §6).

use chrono::{DateTime, Utc};
use sqlx::PgConnection;

use super::InTransaction;
use super::lists::{Chosen, Piece, Span, below, chosen, walk_in_order};
use crate::domain::account::{SanctionKind, SessionStatus};
use crate::domain::plan::Plan;
use crate::ids::{DeviceSessionId, UserId};
use crate::postgres::Error;

/// A device session.
#[derive(Debug, Clone)]
pub struct Session {
    /// The session's id.
    pub device_session_id: DeviceSessionId,
    /// The account that it belongs to.
    pub user_id: UserId,
    /// Ed25519 public key, 32 bytes.
    pub client_public_key: Option<Vec<u8>>,
    /// Where it stands.
    pub status: SessionStatus,
    /// When it was opened.
    pub created_at: DateTime<Utc>,
    /// When it was revoked.
    pub revoked_at: Option<DateTime<Utc>>,
    /// Why it was revoked.
    pub revoke_reason: Option<String>,
}

macro_rules! sessions {
    ($tail:tt $(, $argument:expr)*) => {
        sqlx::query_as!(
            Session,
            r#"SELECT device_session_id AS "device_session_id: DeviceSessionId", user_id AS "user_id: UserId", client_public_key, status,
                      created_at, revoked_at, revoke_reason FROM device_sessions "# + $tail
            $(, $argument)*
        )
    };
}

/// Opens a session.
pub async fn insert(
    conn: &mut PgConnection,
    id: DeviceSessionId,
    user_id: UserId,
    client_public_key: Option<&[u8]>,
    token_hash: &[u8],
) -> Result<(), Error> {
    sqlx::query!(
        "INSERT INTO device_sessions (device_session_id, user_id, client_public_key, token_hash) VALUES ($1, $2, $3, $4)",
        id as DeviceSessionId,
        user_id as UserId,
        client_public_key,
        token_hash
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// The session with this id: the gateway's hot path.
pub async fn get(conn: &mut PgConnection, id: DeviceSessionId) -> Result<Option<Session>, Error> {
    Ok(sessions!("WHERE device_session_id = $1", id as DeviceSessionId).fetch_optional(conn).await?)
}

/// The session whose token hashes to this.
pub async fn by_token(conn: &mut PgConnection, token_hash: &[u8]) -> Result<Option<Session>, Error> {
    Ok(sessions!("WHERE token_hash = $1", token_hash).fetch_optional(conn).await?)
}

/// A user's sessions, newest first, from below `before`.
pub async fn list(
    conn: &mut PgConnection,
    user_id: UserId,
    before: Option<DeviceSessionId>,
    limit: i64,
) -> Result<Vec<Session>, Error> {
    Ok(sessions!(
        "WHERE user_id = $1 AND device_session_id < $2 ORDER BY device_session_id DESC LIMIT $3",
        user_id as UserId,
        below(before),
        limit
    )
    .fetch_all(conn)
    .await?)
}

/// A user's sessions of one status, newest first, from below `before`.
pub async fn list_by_status(
    tx: &mut impl InTransaction,
    user_id: UserId,
    status: SessionStatus,
    before: Option<DeviceSessionId>,
    limit: i64,
) -> Result<Vec<Session>, Error> {
    let conn = walk_in_order(tx).await?;
    Ok(sessions!(
        "WHERE user_id = $1 AND (status, device_session_id) < ($2, $3) AND status >= $2
         ORDER BY status DESC, device_session_id DESC LIMIT $4",
        user_id as UserId,
        status.as_str(),
        below(before),
        limit
    )
    .fetch_all(conn)
    .await?)
}

/// Revokes one active session; answers whether it was active.
pub async fn revoke(conn: &mut PgConnection, id: DeviceSessionId, reason: &str) -> Result<bool, Error> {
    let done = sqlx::query!(
        "UPDATE device_sessions SET status = 'revoked', revoked_at = clock_timestamp(), revoke_reason = $2
          WHERE device_session_id = $1 AND status = 'active'",
        id as DeviceSessionId,
        reason
    )
    .execute(conn)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Revokes every active session of a user; answers which.
pub async fn revoke_all(conn: &mut PgConnection, user_id: UserId, reason: &str) -> Result<Vec<DeviceSessionId>, Error> {
    revoke_opened(conn, user_id, Span::default(), None, reason).await
}

/// Which sessions; what is absent leaves the choice open.
#[derive(Debug, Clone, Copy, Default)]
pub struct OpenedFilter {
    /// Opened in this span.
    pub opened: Span,
    /// Of accounts under such a sanction now.
    pub sanction: Option<SanctionKind>,
    /// Of accounts that have this plan now.
    pub plan: Option<Plan>,
}

/// The accounts that have an active session that matches.
pub async fn holders(conn: &mut PgConnection, filter: &OpenedFilter, piece: &Piece) -> Result<Chosen<UserId>, Error> {
    Ok(chosen!(
        conn,
        piece,
        "user_id",
        "UserId",
        "SELECT DISTINCT d.user_id FROM device_sessions d
          WHERE d.status = 'active' AND d.created_at <= $1 AND d.user_id > $2
            AND ($5::timestamptz IS NULL OR d.created_at >= $5) AND ($6::timestamptz IS NULL OR d.created_at < $6)
            AND ($7::text IS NULL OR EXISTS (SELECT FROM sanctions s WHERE s.user_id = d.user_id AND s.kind = $7
                AND s.lifted_at IS NULL
                AND s.starts_at <= statement_timestamp() AND (s.ends_at IS NULL OR s.ends_at > statement_timestamp())))
            AND ($8::text IS NULL
                OR $8 = coalesce((SELECT e.plan FROM entitlements e WHERE e.user_id = d.user_id AND e.superseded_at IS NULL
                AND e.starts_at <= statement_timestamp() AND (e.ends_at IS NULL OR e.ends_at > statement_timestamp())), 'free'))",
        filter.opened.after,
        filter.opened.before,
        filter.sanction.map(SanctionKind::as_str),
        filter.plan.map(Plan::as_str)
    ))
}

/// Revokes the active sessions of a user that were opened in this span, and not after `as_of` where it is given; answers which.
pub async fn revoke_opened(
    conn: &mut PgConnection,
    user_id: UserId,
    opened: Span,
    as_of: Option<DateTime<Utc>>,
    reason: &str,
) -> Result<Vec<DeviceSessionId>, Error> {
    Ok(sqlx::query_scalar!(
        r#"UPDATE device_sessions SET status = 'revoked', revoked_at = clock_timestamp(), revoke_reason = $2
            WHERE user_id = $1 AND status = 'active' AND ($3::timestamptz IS NULL OR created_at <= $3)
              AND ($4::timestamptz IS NULL OR created_at >= $4) AND ($5::timestamptz IS NULL OR created_at < $5)
           RETURNING device_session_id AS "device_session_id: DeviceSessionId""#,
        user_id as UserId,
        reason,
        as_of,
        opened.after,
        opened.before
    )
    .fetch_all(conn)
    .await?)
}
