//! `admin_tokens`: tokens with which programs call administrators' operations (SPEC §4 "Administrators").

use chrono::{DateTime, Utc};
use sqlx::PgConnection;

use super::lists::below;
use crate::ids::AdminTokenId;
use crate::postgres::Error;

/// A token.
#[derive(Debug, Clone)]
pub struct AdminToken {
    /// The token's id.
    pub token_id: AdminTokenId,
    /// What its owner calls it.
    pub name: String,
    /// The words of its roles.
    pub roles: Vec<String>,
    /// When it was made.
    pub created_at: DateTime<Utc>,
    /// Until when it admits.
    pub expires_at: DateTime<Utc>,
    /// When it was last used, to the minute.
    pub last_used_at: Option<DateTime<Utc>>,
    /// When it was revoked.
    pub revoked_at: Option<DateTime<Utc>>,
}

/// `head`, the columns of an [`AdminToken`], and `tail`.
macro_rules! tokens {
    ($head:tt, $tail:tt $(, $argument:expr)*) => {
        sqlx::query_as!(
            AdminToken,
            $head + r#" token_id AS "token_id: AdminTokenId", name, roles, created_at, expires_at, last_used_at, revoked_at "# + $tail
            $(, $argument)*
        )
    };
}

/// A token to be made.
pub struct NewToken<'a> {
    /// On whose behalf.
    pub user_name: &'a str,
    /// What its owner calls it.
    pub name: &'a str,
    /// SHA-256 of the token.
    pub token_hash: &'a [u8],
    /// The words of its roles, one or more.
    pub roles: &'a [String],
    /// For how many days it admits.
    pub days: i32,
}

/// Makes a token.
pub async fn insert(conn: &mut PgConnection, new: &NewToken<'_>) -> Result<AdminToken, Error> {
    Ok(tokens!(
        "INSERT INTO admin_tokens (token_id, user_name, name, token_hash, roles, expires_at)
         VALUES ($1, $2, $3, $4, $5, clock_timestamp() + make_interval(days => $6)) RETURNING",
        "",
        AdminTokenId::new() as AdminTokenId,
        new.user_name,
        new.name,
        new.token_hash,
        new.roles,
        new.days
    )
    .fetch_one(conn)
    .await?)
}

/// One token of an account.
pub async fn get(
    conn: &mut PgConnection,
    user_name: &str,
    token_id: AdminTokenId,
) -> Result<Option<AdminToken>, Error> {
    let found = tokens!(
        "SELECT",
        "FROM admin_tokens WHERE token_id = $1 AND user_name = $2",
        token_id as AdminTokenId,
        user_name
    );
    Ok(found.fetch_optional(conn).await?)
}

/// An account's tokens, those that admit nobody any more too, newest first, from below `before`.
pub async fn list(
    conn: &mut PgConnection,
    user_name: &str,
    before: Option<AdminTokenId>,
    limit: i64,
) -> Result<Vec<AdminToken>, Error> {
    Ok(tokens!(
        "SELECT",
        "FROM admin_tokens WHERE user_name = $1 AND token_id < $2 ORDER BY token_id DESC LIMIT $3",
        user_name,
        below(before),
        limit
    )
    .fetch_all(conn)
    .await?)
}

/// Revokes a token of an account, unless it is revoked; `None` where there is none.
pub async fn revoke(
    conn: &mut PgConnection,
    user_name: &str,
    token_id: AdminTokenId,
) -> Result<Option<AdminToken>, Error> {
    let revoked = tokens!(
        "UPDATE admin_tokens SET revoked_at = COALESCE(revoked_at, clock_timestamp())
          WHERE token_id = $1 AND user_name = $2 RETURNING",
        "",
        token_id as AdminTokenId,
        user_name
    );
    Ok(revoked.fetch_optional(conn).await?)
}

/// Revokes every token of an account.
pub async fn revoke_all(conn: &mut PgConnection, user_name: &str) -> Result<(), Error> {
    sqlx::query!(
        "UPDATE admin_tokens SET revoked_at = clock_timestamp() WHERE user_name = $1 AND revoked_at IS NULL",
        user_name
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// What a request by token is judged by.
#[derive(Debug, Clone)]
pub struct Standing {
    /// The token.
    pub token_id: AdminTokenId,
    /// On whose behalf.
    pub user_name: String,
    /// The words of the token's roles.
    pub token_roles: Vec<String>,
    /// The words of its owner's, at the moment.
    pub roles: Vec<String>,
    /// Whether its owner has a second factor.
    pub has_factor: bool,
    /// Whether `last_used_at` is old enough to be written anew.
    pub stale: bool,
}

/// The token of this hash, if it admits and its owner may come in: token, account and roles by one statement.
pub async fn standing(conn: &mut PgConnection, token_hash: &[u8]) -> Result<Option<Standing>, Error> {
    Ok(sqlx::query_as!(
        Standing,
        r#"SELECT t.token_id AS "token_id: AdminTokenId", t.user_name, t.roles AS token_roles, a.roles,
                  a.totp_secret IS NOT NULL AS "has_factor!",
                  (t.last_used_at IS NULL OR t.last_used_at < statement_timestamp() - interval '1 minute') AS "stale!"
             FROM admin_tokens t JOIN admin_accounts a ON a.user_name = t.user_name
            WHERE t.token_hash = $1 AND t.revoked_at IS NULL AND t.expires_at > statement_timestamp() AND a.enabled"#,
        token_hash
    )
    .fetch_optional(conn)
    .await?)
}

/// Notes that a token was used.
pub async fn touch(conn: &mut PgConnection, token_id: AdminTokenId) -> Result<(), Error> {
    sqlx::query!(
        "WITH used AS (
           UPDATE admin_tokens SET last_used_at = clock_timestamp() WHERE token_id = $1 RETURNING user_name)
         UPDATE admin_accounts SET last_used_at = clock_timestamp() WHERE user_name = (SELECT user_name FROM used)",
        token_id as AdminTokenId
    )
    .execute(conn)
    .await?;
    Ok(())
}
