//! Administrators (SPEC §5 admin, §16) and the trail of what they do.

use sqlx::PgConnection;

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
}

/// The credentials of an administrator.
///
/// # Errors
/// What Postgres answers.
pub async fn credentials(conn: &mut PgConnection, user_name: &str) -> Result<Option<Credentials>, sqlx::Error> {
    sqlx::query_as!(
        Credentials,
        r#"SELECT password_hash, enabled,
                  (last_used_at IS NULL OR last_used_at < statement_timestamp() - interval '1 minute') AS "last_used_stale!"
             FROM admin_accounts WHERE user_name = $1"#,
        user_name
    )
    .fetch_optional(conn)
    .await
}

/// Notes that the account was used.
///
/// # Errors
/// What Postgres answers.
pub async fn touch(conn: &mut PgConnection, user_name: &str) -> Result<(), sqlx::Error> {
    sqlx::query!("UPDATE admin_accounts SET last_used_at = clock_timestamp() WHERE user_name = $1", user_name)
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
