//! `entitlements`: the plans that an account was granted (SPEC §6). The one row that is not superseded is the snapshot that
//! everybody reads: the account's plan until it ends, and free from that moment on, whatever was granted before it.

use chrono::{DateTime, Utc};
use sqlx::PgConnection;

use super::idempotency::{Idempotency, Replayed, replayed};
use super::lists::below;
use crate::domain::plan::Plan;
use crate::ids::{EntitlementId, UserId};
use crate::postgres::Error;

/// A granted plan, with its place in the history.
#[derive(Debug, Clone)]
pub struct Grant {
    /// The grant's id.
    pub entitlement_id: EntitlementId,
    /// Which.
    pub plan: Plan,
    /// Who or what granted it.
    pub source: String,
    /// The reason that the administrator gave.
    pub reason: Option<String>,
    /// The moment from which it is in force.
    pub starts_at: DateTime<Utc>,
    /// Until when; never, if `None`.
    pub ends_at: Option<DateTime<Utc>>,
    /// When a later grant took its place.
    pub superseded_at: Option<DateTime<Utc>>,
}

macro_rules! grants {
    ($tail:literal $(, $argument:expr)*) => {
        sqlx::query_as!(
            Grant,
            r#"SELECT entitlement_id AS "entitlement_id: EntitlementId", plan, source, reason, starts_at, ends_at, superseded_at
                 FROM entitlements "# + $tail
            $(, $argument)*
        )
    };
}

/// A plan to be granted, from now on.
#[derive(Debug)]
pub struct NewGrant<'a> {
    /// The grant's id.
    pub entitlement_id: EntitlementId,
    /// The account that the plan is given to.
    pub user_id: UserId,
    /// Which.
    pub plan: Plan,
    /// Who or what grants it.
    pub source: &'a str,
    /// The reason that the administrator gave.
    pub reason: &'a str,
    /// The moment at which it ends by itself; `None`: it does not.
    pub ends_at: Option<DateTime<Utc>>,
}

/// Grants a plan in place of the one before, which stays as history; false when the idempotency key granted one before. The
/// caller holds the account's lock.
pub async fn grant(
    conn: &mut PgConnection,
    new: &NewGrant<'_>,
    idempotency: Option<&Idempotency>,
) -> Result<bool, Error> {
    let (owner, key, hash) = Idempotency::columns(idempotency);
    sqlx::query!(
        "UPDATE entitlements SET superseded_at = clock_timestamp() WHERE user_id = $1 AND superseded_at IS NULL",
        new.user_id as UserId
    )
    .execute(&mut *conn)
    .await?;
    let done = sqlx::query!(
        "INSERT INTO entitlements (entitlement_id, user_id, plan, source, reason, ends_at, idempotency_owner,
             idempotency_key, idempotency_hash)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) ON CONFLICT ON CONSTRAINT entitlements_idempotency_key DO NOTHING",
        new.entitlement_id as EntitlementId,
        new.user_id as UserId,
        new.plan.as_str(),
        new.source,
        new.reason,
        new.ends_at,
        owner,
        key,
        hash
    )
    .execute(conn)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// The grant that was made under this key.
pub async fn replayed(
    conn: &mut PgConnection,
    idempotency: &Idempotency,
) -> Result<Option<Replayed<EntitlementId>>, Error> {
    Ok(replayed!(conn, idempotency, r#"entitlement_id AS "id: EntitlementId""#, "entitlements")?)
}

/// One grant of an account.
pub async fn get(conn: &mut PgConnection, user_id: UserId, id: EntitlementId) -> Result<Option<Grant>, Error> {
    Ok(grants!("WHERE entitlement_id = $1 AND user_id = $2", id as EntitlementId, user_id as UserId)
        .fetch_optional(conn)
        .await?)
}

/// The history of an account's plans, newest first, from below `before`.
pub async fn list(
    conn: &mut PgConnection,
    user_id: UserId,
    before: Option<EntitlementId>,
    limit: i64,
) -> Result<Vec<Grant>, Error> {
    Ok(grants!(
        "WHERE user_id = $1 AND entitlement_id < $2 ORDER BY entitlement_id DESC LIMIT $3",
        user_id as UserId,
        below(before),
        limit
    )
    .fetch_all(conn)
    .await?)
}
