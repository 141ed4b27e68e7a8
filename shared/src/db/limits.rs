//! What an account's plan allows, read under a lock that makes counting race-free.

use sqlx::PgConnection;

use crate::ids::UserId;

/// Locks an account until the transaction ends and answers its plan in force; `None` where there is no such account (any
/// more). Whoever counts against a plan's limit holds this lock; the lock order is game, then account.
///
/// # Errors
/// What Postgres answers.
pub async fn lock_plan(conn: &mut PgConnection, user_id: UserId) -> Result<Option<String>, sqlx::Error> {
    let exists = sqlx::query_scalar!(
        r#"SELECT 1 AS "one!" FROM accounts WHERE user_id = $1 AND deleted_at IS NULL FOR NO KEY UPDATE"#,
        user_id as UserId
    )
    .fetch_optional(&mut *conn)
    .await?;
    if exists.is_none() {
        return Ok(None);
    }
    let plan = sqlx::query_scalar!(
        "SELECT plan FROM entitlements
          WHERE user_id = $1 AND starts_at <= statement_timestamp() AND (ends_at IS NULL OR ends_at > statement_timestamp())
          ORDER BY entitlement_id DESC LIMIT 1",
        user_id as UserId
    )
    .fetch_optional(conn)
    .await?;
    Ok(Some(plan.unwrap_or_else(|| "free".to_owned())))
}

/// Private games of a user that still cost him one of his plan's.
///
/// # Errors
/// What Postgres answers.
pub async fn count_private_games(conn: &mut PgConnection, owner: UserId) -> Result<i64, sqlx::Error> {
    sqlx::query_scalar!(
        r#"SELECT count(*) AS "n!" FROM games WHERE owner_user_id = $1 AND visibility = 'private' AND status NOT IN ('finished', 'cancelled')"#,
        owner as UserId
    )
    .fetch_one(conn)
    .await
}
