//! How much of each an account may have: its plan's limits but where an administrator overrode them (SPEC §6). The one place
//! that everybody who enforces a limit asks, under a lock that makes counting race-free.

use sqlx::PgConnection;

use super::InTransaction;
use crate::domain::plan::{self, Limits, Overrides, Plan};
use crate::ids::UserId;
use crate::postgres::Error;

/// What an account may have at this moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Allowance {
    /// The plan in force.
    pub plan: Plan,
    /// Its limits, or those that were set for this account alone.
    pub limits: Limits,
}

/// Locks an account until the transaction ends and answers what it may have; `None` where there is no such account (any
/// more). Whoever counts against a limit holds this lock; the lock order is games by id, then the account.
pub async fn lock(tx: &mut impl InTransaction, user_id: UserId) -> Result<Option<Allowance>, Error> {
    let conn = &mut **tx;
    let overrides = sqlx::query_as!(
        Overrides,
        "SELECT limit_private_games AS private_games, limit_memberships AS memberships, limit_race_names AS race_names
           FROM accounts WHERE user_id = $1 AND deleted_at IS NULL FOR NO KEY UPDATE",
        user_id as UserId
    )
    .fetch_optional(&mut *conn)
    .await?;
    let Some(overrides) = overrides else { return Ok(None) };
    // By a statement of its own, after the lock: a plan that was granted while this one waited counts, and one that ended
    // meanwhile counts no more.
    let plan = plan(conn, user_id).await?;
    Ok(Some(Allowance { limits: plan::limits(plan).overridden(&overrides), plan }))
}

async fn plan(conn: &mut PgConnection, user_id: UserId) -> Result<Plan, Error> {
    let plan = sqlx::query_scalar!(
        "SELECT plan FROM entitlements
          WHERE user_id = $1 AND superseded_at IS NULL AND starts_at <= statement_timestamp()
          AND (ends_at IS NULL OR ends_at > statement_timestamp())",
        user_id as UserId
    )
    .fetch_optional(conn)
    .await?;
    Ok(plan.unwrap_or(Plan::Free))
}

/// What was set for an account alone; `None` where there never was such an account.
pub async fn overrides(conn: &mut PgConnection, user_id: UserId) -> Result<Option<Overrides>, Error> {
    Ok(sqlx::query_as!(
        Overrides,
        "SELECT limit_private_games AS private_games, limit_memberships AS memberships, limit_race_names AS race_names
           FROM accounts WHERE user_id = $1",
        user_id as UserId
    )
    .fetch_optional(conn)
    .await?)
}

/// Sets what counts for an account instead of its plan's limits, all three at once; false where there is no such account
/// (any more). What an account has beyond a smaller limit stays; it gets no more.
pub async fn set_overrides(conn: &mut PgConnection, user_id: UserId, overrides: &Overrides) -> Result<bool, Error> {
    let done = sqlx::query!(
        "UPDATE accounts SET limit_private_games = $2, limit_memberships = $3, limit_race_names = $4, updated_at = clock_timestamp()
          WHERE user_id = $1 AND deleted_at IS NULL",
        user_id as UserId,
        overrides.private_games,
        overrides.memberships,
        overrides.race_names
    )
    .execute(conn)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Private games of a user that still cost them one of their limit.
pub async fn count_private_games(conn: &mut PgConnection, owner: UserId) -> Result<i64, Error> {
    Ok(sqlx::query_scalar!(
        r#"SELECT count(*) AS "n!" FROM games WHERE owner_user_id = $1 AND visibility = 'private'
           AND status NOT IN ('finished', 'cancelled')"#,
        owner as UserId
    )
    .fetch_one(conn)
    .await?)
}
