//! `admin_sessions`, `admin_sign_in_tickets`: administrators who are in, and those who have shown their password
//! (SPEC §4 "Administrators"). `docs/administrators.md` has the states.

use chrono::{DateTime, Utc};
use sqlx::PgConnection;

use super::InTransaction;
use super::lists::below;
use crate::domain::admin_access::EndReason;
use crate::ids::AdminSessionId;
use crate::postgres::Error;

/// Days after its beginning for which a session is kept.
const KEPT_DAYS: i32 = 90;

/// An administrator's session.
#[derive(Debug, Clone)]
pub struct AdminSession {
    /// The session's id.
    pub session_id: AdminSessionId,
    /// Whose.
    pub user_name: String,
    /// When they signed in.
    pub created_at: DateTime<Utc>,
    /// The last request that a person caused, to the minute.
    pub last_seen_at: DateTime<Utc>,
    /// When it ends however much it is used.
    pub expires_at: DateTime<Utc>,
    /// Until when sensitive operations go without another code.
    pub confirmed_until: Option<DateTime<Utc>>,
    /// The address that signed in.
    pub ip: String,
    /// The `User-Agent` that signed in.
    pub user_agent: String,
    /// When it was ended.
    pub ended_at: Option<DateTime<Utc>>,
    /// Why.
    pub end_reason: Option<EndReason>,
}

/// `head`, the columns of an [`AdminSession`], and `tail`.
macro_rules! sessions {
    ($head:tt, $tail:tt $(, $argument:expr)*) => {
        sqlx::query_as!(
            AdminSession,
            $head
                + r#" session_id AS "session_id: AdminSessionId", user_name, created_at, last_seen_at, expires_at, confirmed_until, ip,
                      user_agent, ended_at, end_reason "#
                + $tail
            $(, $argument)*
        )
    };
}

/// A session to be opened.
pub struct NewSession<'a> {
    /// Whose.
    pub user_name: &'a str,
    /// SHA-256 of the cookie.
    pub token_hash: &'a [u8],
    /// How long it lasts however much it is used, in seconds.
    pub max_seconds: f64,
    /// How long sensitive operations go without another code, in seconds; `None`: no factor was given.
    pub confirmed_seconds: Option<f64>,
    /// The address that signed in.
    pub ip: &'a str,
    /// The `User-Agent` that signed in.
    pub user_agent: &'a str,
}

/// Opens a session, and forgets what is old of the account's: sessions, and tickets that are no good any more.
pub async fn insert(conn: &mut PgConnection, new: &NewSession<'_>) -> Result<AdminSession, Error> {
    sqlx::query!(
        "WITH tickets AS (
           DELETE FROM admin_sign_in_tickets
            WHERE user_name = $1 AND (expires_at < statement_timestamp() OR used_at IS NOT NULL))
         DELETE FROM admin_sessions WHERE user_name = $1 AND created_at < statement_timestamp() - make_interval(days => $2)",
        new.user_name,
        KEPT_DAYS
    )
    .execute(&mut *conn)
    .await?;
    Ok(sessions!(
        "INSERT INTO admin_sessions (session_id, user_name, token_hash, expires_at, confirmed_until, ip, user_agent)
         VALUES ($1, $2, $3, clock_timestamp() + make_interval(secs => $4),
                 clock_timestamp() + make_interval(secs => $5::float8), $6, $7)
         RETURNING",
        "",
        AdminSessionId::new() as AdminSessionId,
        new.user_name,
        new.token_hash,
        new.max_seconds,
        new.confirmed_seconds,
        new.ip,
        new.user_agent
    )
    .fetch_one(conn)
    .await?)
}

/// What a request by cookie is judged by.
#[derive(Debug, Clone)]
pub struct Standing {
    /// The session.
    pub session_id: AdminSessionId,
    /// Whose.
    pub user_name: String,
    /// The words of the account's roles.
    pub roles: Vec<String>,
    /// Whether the account has a second factor.
    pub has_factor: bool,
    /// Whether sensitive operations go without another code.
    pub confirmed: bool,
    /// Whether `last_seen_at` is old enough to be written anew.
    pub stale: bool,
}

/// The session of this cookie, if it stands and its account may come in: session, account and roles by one statement.
pub async fn standing(
    conn: &mut PgConnection,
    token_hash: &[u8],
    idle_seconds: f64,
) -> Result<Option<Standing>, Error> {
    Ok(sqlx::query_as!(
        Standing,
        r#"SELECT s.session_id AS "session_id: AdminSessionId", s.user_name, a.roles, a.totp_secret IS NOT NULL AS "has_factor!",
                  COALESCE(s.confirmed_until > statement_timestamp(), false) AS "confirmed!",
                  s.last_seen_at < statement_timestamp() - make_interval(secs => LEAST($2::float8 / 10, 60)) AS "stale!"
             FROM admin_sessions s JOIN admin_accounts a ON a.user_name = s.user_name
            WHERE s.token_hash = $1 AND s.ended_at IS NULL AND s.expires_at > statement_timestamp()
              AND s.last_seen_at > statement_timestamp() - make_interval(secs => $2) AND a.enabled"#,
        token_hash,
        idle_seconds
    )
    .fetch_optional(conn)
    .await?)
}

/// Whether a session was not ended, whatever its time. Whoever ends one holds its account's row: hold it before, and what is answered
/// stands until the transaction ends.
pub async fn stands(tx: &mut impl InTransaction, session_id: AdminSessionId) -> Result<bool, Error> {
    let found = sqlx::query_scalar!(
        "SELECT 1 FROM admin_sessions WHERE session_id = $1 AND ended_at IS NULL",
        session_id as AdminSessionId
    );
    Ok(found.fetch_optional(&mut **tx).await?.is_some())
}

/// Notes that a person used the session. Not within a transaction: whoever changes an account holds its row first, and its sessions'
/// after it.
pub async fn touch(conn: &mut PgConnection, session_id: AdminSessionId, user_name: &str) -> Result<(), Error> {
    sqlx::query!(
        "UPDATE admin_sessions SET last_seen_at = clock_timestamp() WHERE session_id = $1",
        session_id as AdminSessionId
    )
    .execute(&mut *conn)
    .await?;
    sqlx::query!("UPDATE admin_accounts SET last_used_at = clock_timestamp() WHERE user_name = $1", user_name)
        .execute(conn)
        .await?;
    Ok(())
}

/// One session of an account.
pub async fn get(
    conn: &mut PgConnection,
    user_name: &str,
    session_id: AdminSessionId,
) -> Result<Option<AdminSession>, Error> {
    let found = sessions!(
        "SELECT",
        "FROM admin_sessions WHERE session_id = $1 AND user_name = $2",
        session_id as AdminSessionId,
        user_name
    );
    Ok(found.fetch_optional(conn).await?)
}

/// An account's sessions, ended ones too, newest first, from below `before`.
pub async fn list(
    conn: &mut PgConnection,
    user_name: &str,
    before: Option<AdminSessionId>,
    limit: i64,
) -> Result<Vec<AdminSession>, Error> {
    Ok(sessions!(
        "SELECT",
        "FROM admin_sessions WHERE user_name = $1 AND session_id < $2 ORDER BY session_id DESC LIMIT $3",
        user_name,
        below(before),
        limit
    )
    .fetch_all(conn)
    .await?)
}

/// Ends one session of an account, unless it is ended; `None` where there is none.
pub async fn end(
    conn: &mut PgConnection,
    user_name: &str,
    session_id: AdminSessionId,
    reason: EndReason,
) -> Result<Option<AdminSession>, Error> {
    let ended = sessions!(
        "UPDATE admin_sessions
            SET ended_at = COALESCE(ended_at, clock_timestamp()),
                end_reason = CASE WHEN ended_at IS NULL THEN $3 ELSE end_reason END
          WHERE session_id = $1 AND user_name = $2 RETURNING",
        "",
        session_id as AdminSessionId,
        user_name,
        reason.as_str()
    );
    Ok(ended.fetch_optional(conn).await?)
}

/// Ends every session of an account, and every sign-in that is half way, in the transaction of what is the reason.
pub async fn end_all(conn: &mut PgConnection, user_name: &str, reason: EndReason) -> Result<(), Error> {
    sqlx::query!(
        "WITH tickets AS (DELETE FROM admin_sign_in_tickets WHERE user_name = $1)
         UPDATE admin_sessions SET ended_at = clock_timestamp(), end_reason = $2 WHERE user_name = $1 AND ended_at IS NULL",
        user_name,
        reason.as_str()
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Lets sensitive operations of a session go without another code for so long; answers until when.
pub async fn confirm(
    conn: &mut PgConnection,
    session_id: AdminSessionId,
    seconds: f64,
) -> Result<Option<DateTime<Utc>>, Error> {
    let until = sqlx::query_scalar!(
        r#"UPDATE admin_sessions SET confirmed_until = clock_timestamp() + make_interval(secs => $2)
            WHERE session_id = $1 AND ended_at IS NULL RETURNING confirmed_until AS "confirmed_until!""#,
        session_id as AdminSessionId,
        seconds
    );
    Ok(until.fetch_optional(conn).await?)
}

/// Notes that an account's password was right, and forgets its tickets that have run out.
pub async fn insert_ticket(
    conn: &mut PgConnection,
    ticket_hash: &[u8],
    user_name: &str,
    password_hash: &str,
    seconds: f64,
) -> Result<(), Error> {
    sqlx::query!(
        "WITH old AS (DELETE FROM admin_sign_in_tickets WHERE user_name = $2 AND expires_at < statement_timestamp())
         INSERT INTO admin_sign_in_tickets (ticket_hash, user_name, password_hash, expires_at)
         VALUES ($1, $2, $3, clock_timestamp() + make_interval(secs => $4))",
        ticket_hash,
        user_name,
        password_hash,
        seconds
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Counts a try of a ticket, and answers whose it is; `None` where it takes no more: unknown, too old, used, out of tries, or of a
/// password that is not the account's any more. Commit before anything is compared.
pub async fn try_ticket(conn: &mut PgConnection, ticket_hash: &[u8], most: i32) -> Result<Option<String>, Error> {
    Ok(sqlx::query_scalar!(
        "UPDATE admin_sign_in_tickets t SET tries = t.tries + 1
           FROM admin_accounts a
          WHERE t.ticket_hash = $1 AND t.tries < $2 AND t.used_at IS NULL AND t.expires_at > statement_timestamp()
            AND a.user_name = t.user_name AND a.enabled AND a.password_hash = t.password_hash
         RETURNING t.user_name",
        ticket_hash,
        most
    )
    .fetch_optional(conn)
    .await?)
}

/// Uses a ticket up; false where it was, or is no good any more.
pub async fn use_ticket(conn: &mut PgConnection, ticket_hash: &[u8]) -> Result<bool, Error> {
    let done = sqlx::query!(
        "UPDATE admin_sign_in_tickets SET used_at = clock_timestamp()
          WHERE ticket_hash = $1 AND used_at IS NULL AND expires_at > statement_timestamp()",
        ticket_hash
    )
    .execute(conn)
    .await?;
    Ok(done.rows_affected() == 1)
}
