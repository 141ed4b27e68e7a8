//! Administrators (SPEC §5 admin, §16) and the trail of what they do.

use sqlx::PgConnection;

use crate::domain::network::Network;
use crate::ids::AuditId;

/// What a log-in is checked against.
#[derive(Debug, Clone)]
pub struct Credentials {
    /// bcrypt.
    pub password_hash: String,
    /// Whether the account may log in.
    pub enabled: bool,
    /// Whether `last_used_at` is old enough to be written anew; a write per request would be a hot row.
    pub last_used_stale: bool,
    /// Whether the account signed in from the caller's network before.
    pub familiar: bool,
}

/// Days after which a network from which an administrator signed in is forgotten.
const FAMILIAR_DAYS: i32 = 90;

/// The credentials of an administrator who calls from `network`.
///
/// # Errors
/// What Postgres answers.
pub async fn credentials(
    conn: &mut PgConnection,
    user_name: &str,
    network: Network,
) -> Result<Option<Credentials>, sqlx::Error> {
    sqlx::query_as!(
        Credentials,
        r#"SELECT password_hash, enabled,
                  (last_used_at IS NULL OR last_used_at < statement_timestamp() - interval '1 minute') AS "last_used_stale!",
                  EXISTS (SELECT FROM admin_networks n
                           WHERE n.user_name = a.user_name AND n.network = $2
                             AND n.last_used_at > statement_timestamp() - make_interval(days => $3)) AS "familiar!"
             FROM admin_accounts a WHERE user_name = $1"#,
        user_name,
        network.to_string(),
        FAMILIAR_DAYS
    )
    .fetch_optional(conn)
    .await
}

/// Whether an administrator of this name exists.
///
/// # Errors
/// What Postgres answers.
pub async fn exists(conn: &mut PgConnection, user_name: &str) -> Result<bool, sqlx::Error> {
    let found = sqlx::query_scalar!("SELECT 1 FROM admin_accounts WHERE user_name = $1", user_name);
    Ok(found.fetch_optional(conn).await?.is_some())
}

/// Notes that the account was used, from `network`, and forgets networks that it was not used from for long.
///
/// # Errors
/// What Postgres answers.
pub async fn touch(conn: &mut PgConnection, user_name: &str, network: Network) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "WITH used AS (
           UPDATE admin_accounts SET last_used_at = clock_timestamp() WHERE user_name = $1 RETURNING user_name),
         forgotten AS (
           DELETE FROM admin_networks
            WHERE user_name = $1 AND network <> $2 AND last_used_at < clock_timestamp() - make_interval(days => $3))
         INSERT INTO admin_networks (user_name, network) SELECT user_name, $2 FROM used
         ON CONFLICT ON CONSTRAINT admin_networks_pkey DO UPDATE SET last_used_at = clock_timestamp()",
        user_name,
        network.to_string(),
        FAMILIAR_DAYS
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Inserts an administrator unless the name exists: an existing or rotated password is never overwritten.
///
/// # Errors
/// What Postgres answers.
pub async fn bootstrap(conn: &mut PgConnection, user_name: &str, password_hash: &str) -> Result<bool, sqlx::Error> {
    let done = sqlx::query!(
        "INSERT INTO admin_accounts (user_name, password_hash) VALUES ($1, $2) ON CONFLICT ON CONSTRAINT admin_accounts_pkey DO NOTHING",
        user_name,
        password_hash
    )
    .execute(conn)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// One line of the trail.
pub struct AuditEntry<'a> {
    /// The administrator.
    pub actor: &'a str,
    /// What was done: `game.create`, `engine_version.create`, …
    pub action: &'a str,
    /// The noun it was done to.
    pub target_type: &'a str,
    /// Which one.
    pub target_id: &'a str,
    /// What else matters.
    pub detail: serde_json::Value,
    /// The request's id.
    pub request_id: &'a str,
    /// From where.
    pub ip: &'a str,
}

/// Writes a line; in the same transaction as the change it tells of.
///
/// # Errors
/// What Postgres answers.
pub async fn audit(conn: &mut PgConnection, entry: &AuditEntry<'_>) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "INSERT INTO audit_log (audit_id, actor, action, target_type, target_id, detail, request_id, ip) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
        AuditId::new() as AuditId,
        entry.actor,
        entry.action,
        entry.target_type,
        entry.target_id,
        entry.detail,
        entry.request_id,
        entry.ip
    )
    .execute(conn)
    .await?;
    Ok(())
}
