//! `sanctions`: what an account is kept from (SPEC §6). In force while started, not ended and not lifted.

use chrono::{DateTime, Utc};
use sqlx::PgConnection;
use uuid::Uuid;

use super::InTransaction;
use super::idempotency::{Idempotency, Replayed, replayed};
use super::lists::{below, walk_in_order};
use crate::domain::account::SanctionKind;
use crate::ids::{SanctionId, UserId};
use crate::postgres::Error;

/// A sanction.
#[derive(Debug, Clone, serde::Deserialize)]
pub struct Sanction {
    /// The sanction's id.
    pub sanction_id: SanctionId,
    /// What it forbids.
    pub kind: SanctionKind,
    /// Why.
    pub reason: String,
    /// Who set it.
    pub actor: String,
    /// The moment from which it is in force.
    pub starts_at: DateTime<Utc>,
    /// Until when; lifted by hand only, if `None`.
    pub ends_at: Option<DateTime<Utc>>,
    /// When it was lifted.
    pub lifted_at: Option<DateTime<Utc>>,
}

macro_rules! sanctions {
    ($tail:literal $(, $argument:expr)*) => {
        sqlx::query_as!(
            Sanction,
            r#"SELECT sanction_id AS "sanction_id: SanctionId", kind, reason, actor, starts_at, ends_at, lifted_at FROM sanctions "# + $tail
            $(, $argument)*
        )
    };
}

/// A sanction to be set, from now on.
#[derive(Debug)]
pub struct NewSanction<'a> {
    /// The sanction's id.
    pub sanction_id: SanctionId,
    /// On whom.
    pub user_id: UserId,
    /// What it forbids.
    pub kind: SanctionKind,
    /// Why.
    pub reason: &'a str,
    /// Who sets it.
    pub actor: &'a str,
    /// The moment at which it ends by itself; `None`: it does not.
    pub ends_at: Option<DateTime<Utc>>,
}

/// Sets a sanction; false when the idempotency key set one before. The caller holds the account's lock.
pub async fn insert(
    conn: &mut PgConnection,
    new: &NewSanction<'_>,
    idempotency: Option<&Idempotency>,
) -> Result<bool, Error> {
    let (owner, key, hash) = Idempotency::columns(idempotency);
    let done = sqlx::query!(
        "INSERT INTO sanctions (sanction_id, user_id, kind, reason, actor, ends_at, idempotency_owner, idempotency_key, idempotency_hash)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) ON CONFLICT ON CONSTRAINT sanctions_idempotency_key DO NOTHING",
        new.sanction_id as SanctionId,
        new.user_id as UserId,
        new.kind.as_str(),
        new.reason,
        new.actor,
        new.ends_at,
        owner,
        key,
        hash
    )
    .execute(conn)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// The sanction that was set under this key.
pub async fn replayed(
    conn: &mut PgConnection,
    idempotency: &Idempotency,
) -> Result<Option<Replayed<SanctionId>>, Error> {
    Ok(replayed!(conn, idempotency, r#"sanction_id AS "id: SanctionId""#, "sanctions")?)
}

/// One sanction of an account.
pub async fn get(conn: &mut PgConnection, user_id: UserId, id: SanctionId) -> Result<Option<Sanction>, Error> {
    Ok(sanctions!("WHERE sanction_id = $1 AND user_id = $2", id as SanctionId, user_id as UserId)
        .fetch_optional(conn)
        .await?)
}

/// The sanctions of an account, newest first, from below `before`.
pub async fn list(
    conn: &mut PgConnection,
    user_id: UserId,
    before: Option<SanctionId>,
    limit: i64,
) -> Result<Vec<Sanction>, Error> {
    Ok(sanctions!(
        "WHERE user_id = $1 AND sanction_id < $2 ORDER BY sanction_id DESC LIMIT $3",
        user_id as UserId,
        below(before),
        limit
    )
    .fetch_all(conn)
    .await?)
}

/// The sanctions of an account that are in force, or the ended and lifted ones, newest first, from below `before`. Of those in
/// force it passes over what has ended without being lifted, of the others over those in force, few both.
pub async fn list_by_force(
    tx: &mut impl InTransaction,
    user_id: UserId,
    in_force: bool,
    before: Option<SanctionId>,
    limit: i64,
) -> Result<Vec<Sanction>, Error> {
    let conn = walk_in_order(tx).await?;
    if in_force {
        return Ok(sanctions!(
            "WHERE user_id = $1 AND sanction_id < $2
               AND lifted_at IS NULL AND starts_at <= statement_timestamp() AND (ends_at IS NULL OR ends_at > statement_timestamp())
             ORDER BY sanction_id DESC LIMIT $3",
            user_id as UserId,
            below(before),
            limit
        )
        .fetch_all(conn)
        .await?);
    }
    Ok(sanctions!(
        "WHERE user_id = $1 AND sanction_id < $2
               AND (lifted_at IS NOT NULL OR starts_at > statement_timestamp() OR ends_at <= statement_timestamp())
             ORDER BY sanction_id DESC LIMIT $3",
        user_id as UserId,
        below(before),
        limit
    )
    .fetch_all(conn)
    .await?)
}

/// Lifts a sanction; false when it was lifted before, or there is none.
pub async fn lift(conn: &mut PgConnection, user_id: UserId, id: SanctionId) -> Result<bool, Error> {
    let done = sqlx::query!(
        "UPDATE sanctions SET lifted_at = clock_timestamp() WHERE sanction_id = $1 AND user_id = $2 AND lifted_at IS NULL",
        id as SanctionId,
        user_id as UserId
    )
    .execute(conn)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// The reason of a sanction that was taken over: the words of the one before went with its account.
pub(super) const CARRIED: &str = "was in force on a deleted account of this person";

/// The sanctions in force of an account that is about to be deleted, to be given to [`carry`]. The caller holds the account's lock.
pub async fn in_force(conn: &mut PgConnection, user_id: UserId) -> Result<Vec<SanctionId>, Error> {
    Ok(sqlx::query_scalar!(
        r#"SELECT sanction_id AS "sanction_id: SanctionId" FROM sanctions
            WHERE user_id = $1 AND lifted_at IS NULL AND starts_at <= statement_timestamp()
              AND (ends_at IS NULL OR ends_at > statement_timestamp())
            ORDER BY sanction_id"#,
        user_id as UserId
    )
    .fetch_all(conn)
    .await?)
}

/// Lets sanctions outlive their account: each waits once under every hash, for whoever makes an account of that identity
/// ([`super::accounts::insert`]).
pub async fn carry(conn: &mut PgConnection, sanctions: &[SanctionId], hashes: &[[u8; 32]]) -> Result<(), Error> {
    let rows: Vec<_> =
        sanctions.iter().flat_map(|of| hashes.iter().map(move |hash| (of.uuid(), hash.to_vec()))).collect();
    let ids: Vec<Uuid> = rows.iter().map(|_| SanctionId::new().uuid()).collect();
    let (of, hashes): (Vec<Uuid>, Vec<Vec<u8>>) = rows.into_iter().unzip();
    sqlx::query!(
        "INSERT INTO carried_sanctions (sanction_id, identity_hash, kind, actor, starts_at, ends_at)
         SELECT w.id, w.hash, s.kind, s.actor, s.starts_at, s.ends_at
           FROM unnest($1::uuid[], $2::uuid[], $3::bytea[]) AS w (id, of, hash) JOIN sanctions s ON s.sanction_id = w.of",
        &ids,
        &of,
        &hashes
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Removes up to `limit` waiting sanctions that have ended, and answers how many.
pub async fn remove_ended_carried(conn: &mut PgConnection, limit: i64) -> Result<u64, Error> {
    let done = sqlx::query!(
        "DELETE FROM carried_sanctions WHERE sanction_id = ANY (ARRAY(
           SELECT sanction_id FROM carried_sanctions WHERE ends_at <= statement_timestamp()
            ORDER BY ends_at LIMIT $1 FOR UPDATE SKIP LOCKED))",
        limit
    )
    .execute(conn)
    .await?;
    Ok(done.rows_affected())
}
