//! What ends or changes an account as a whole (SPEC §6): deletion, sanctions, plans, limits. `docs/accounts.md` has the rules.

use serde_json::json;
use shared::db;
use shared::db::accounts::Account;
use shared::db::entitlements::{Grant, NewGrant};
use shared::db::idempotency::Idempotency;
use shared::db::sanctions::{NewSanction, Sanction};
use shared::domain::account::SanctionKind;
use shared::domain::plan::{Overrides, Plan};
use shared::ids::{DeviceSessionId, EntitlementId, SanctionId, UserId};
use shared::queue::wake::Topic;
use sqlx::PgConnection;

use super::caller::Caller;
use super::change::Change;
use super::departures::{self, Departure};
use super::idempotency;
use super::sessions;
use crate::app::App;
use crate::refusal::{ErrorCode, Problem};

/// No such account.
pub fn not_found() -> Problem {
    Problem::new(ErrorCode::AccountNotFound, "No such account.")
}

/// The account, deleted or not.
///
/// # Errors
/// `account_not_found`.
pub async fn present(conn: &mut PgConnection, user_id: UserId) -> Result<Account, Problem> {
    db::accounts::get(conn, user_id).await?.ok_or_else(not_found)
}

/// Deletes an account softly: everything that the person takes part in ends, and what tells who they were is erased, in
/// one transaction. Sanctions in force wait for the next account of each identity. One that is deleted already stays as it is.
///
/// # Errors
/// `account_not_found` where there never was one; those of [`departures::depart`].
pub async fn delete(app: &App, caller: &Caller<'_>, user_id: UserId) -> Result<(), Problem> {
    let mut tx = app.db.begin().await?;
    let left = departures::depart(&mut tx, caller, user_id, Departure::Deleted).await?;
    sessions::revoke_all_in(&mut tx, user_id, "account_deleted").await?;
    let sanctions = db::sanctions::in_force(&mut tx, user_id).await?;
    if !sanctions.is_empty() {
        let identities = db::accounts::identities(&mut tx, user_id).await?;
        let hashes: Vec<_> = identities.iter().map(|(kind, id)| app.config.auth.peppers.identity(*kind, id)).collect();
        db::sanctions::carry(&mut tx, &sanctions, &hashes).await?;
    }
    if !db::erasure::erase(&mut tx, user_id).await? {
        present(&mut tx, user_id).await?;
        return Ok(());
    }
    let detail = json!({ "cancelled_games": left.cancelled });
    caller.audit(&mut tx, "user.delete", "user", &user_id.to_string(), detail).await?;
    tx.commit().await?;
    wake(app, &departures::WAKE);
    wake(app, &[Topic::PushLog]);
    Ok(())
}

/// A sanction as it is asked for, checked.
#[derive(Debug)]
pub struct Wanted<'a> {
    /// What it forbids.
    pub kind: SanctionKind,
    /// Why.
    pub reason: &'a str,
    /// The moment at which it ends by itself; `None`: it does not.
    pub ends_at: Option<chrono::DateTime<chrono::Utc>>,
}

/// Sets a sanction, in force for every request that begins after the commit. `permanent_block` also ends the account's
/// sessions and everything that it takes part in, in the same transaction; lifting it brings none of that back.
///
/// # Errors
/// `account_not_found`, `invalid_request` for an end that is past, `idempotency_key_reused`, those of [`departures::depart`].
pub async fn sanction(
    app: &App,
    caller: &Caller<'_>,
    user_id: UserId,
    wanted: &Wanted<'_>,
    key: Option<&Idempotency>,
) -> Result<Sanction, Problem> {
    let id = SanctionId::new();
    let permanent = wanted.kind == SanctionKind::PermanentBlock;
    let mut tx = app.db.begin().await?;
    // A replay is looked for first: it must not depart anybody a second time. Who comes at the same time waits below for the
    // account's lock, and is told by the key.
    if let Some(key) = key
        && let Some(made) = idempotency::judge(key, db::sanctions::replayed(&mut tx, key).await?)?
    {
        return present_sanction(&mut tx, user_id, made).await;
    }
    ends_later(&mut tx, wanted.ends_at).await?;
    let left =
        if permanent { Some(departures::depart(&mut tx, caller, user_id, Departure::Blocked).await?) } else { None };
    if !db::accounts::lock(&mut tx, user_id).await? {
        return Err(not_found());
    }
    let actor = caller.name();
    let new = NewSanction {
        sanction_id: id,
        user_id,
        kind: wanted.kind,
        reason: wanted.reason,
        actor: &actor,
        ends_at: wanted.ends_at,
    };
    if !db::sanctions::insert(&mut tx, &new, key).await? {
        // The twin was first and has done all of it; what this one did is undone with its transaction.
        tx.rollback().await?;
        let key = key.ok_or_else(|| Problem::internal(&"a sanction without a key was replayed"))?;
        let mut conn = app.db.acquire().await?;
        let made = idempotency::judge(key, db::sanctions::replayed(&mut conn, key).await?)?;
        return present_sanction(&mut conn, user_id, made.ok_or_else(no_sanction)?).await;
    }
    if permanent {
        sessions::revoke_all_in(&mut tx, user_id, SanctionKind::PermanentBlock.as_str()).await?;
    }
    let detail = json!({
        "sanction_id": id, "kind": wanted.kind, "ends_at": wanted.ends_at,
        "cancelled_games": left.map(|left| left.cancelled),
    });
    let after = json!({ "kind": wanted.kind, "ends_at": wanted.ends_at });
    let change = Change::of(detail, serde_json::Value::Null, after);
    caller.audit(&mut tx, "user.sanction.set", "user", &user_id.to_string(), change).await?;
    let sanction = present_sanction(&mut tx, user_id, id).await?;
    tx.commit().await?;
    if permanent {
        wake(app, &departures::WAKE);
        wake(app, &[Topic::PushLog]);
    }
    Ok(sanction)
}

/// Lifts a sanction from now on; one that was lifted before stays as it is.
///
/// # Errors
/// `account_not_found` for an unknown or deleted account, `sanction_not_found`.
pub async fn lift(app: &App, caller: &Caller<'_>, user_id: UserId, id: SanctionId) -> Result<Sanction, Problem> {
    let mut tx = app.db.begin().await?;
    if !db::accounts::lock(&mut tx, user_id).await? {
        return Err(not_found());
    }
    let lifted = db::sanctions::lift(&mut tx, user_id, id).await?;
    let sanction = present_sanction(&mut tx, user_id, id).await?;
    if lifted {
        let (kind, lifted_at) = (sanction.kind, sanction.lifted_at);
        let before = json!({ "kind": kind, "lifted_at": null });
        let after = json!({ "kind": kind, "lifted_at": lifted_at });
        let change = Change::of(json!({ "sanction_id": id }), before, after);
        caller.audit(&mut tx, "user.sanction.lift", "user", &user_id.to_string(), change).await?;
    }
    tx.commit().await?;
    Ok(sanction)
}

fn no_sanction() -> Problem {
    Problem::new(ErrorCode::SanctionNotFound, "The account has no such sanction.")
}

async fn present_sanction(conn: &mut PgConnection, user_id: UserId, id: SanctionId) -> Result<Sanction, Problem> {
    db::sanctions::get(conn, user_id, id).await?.ok_or_else(no_sanction)
}

/// A plan as it is asked for, checked.
#[derive(Debug)]
pub struct WantedPlan<'a> {
    /// Which.
    pub plan: Plan,
    /// Who or what grants it.
    pub source: &'a str,
    /// The reason that the administrator gave.
    pub reason: &'a str,
    /// The moment at which it ends by itself; `None`: it does not.
    pub ends_at: Option<chrono::DateTime<chrono::Utc>>,
}

/// Grants a plan from now on, in place of the one that the account has.
///
/// # Errors
/// `account_not_found`, `invalid_request` for an end that is past, `idempotency_key_reused`.
pub async fn grant(
    app: &App,
    caller: &Caller<'_>,
    user_id: UserId,
    wanted: &WantedPlan<'_>,
    key: Option<&Idempotency>,
) -> Result<Grant, Problem> {
    let id = EntitlementId::new();
    let mut tx = app.db.begin().await?;
    if !db::accounts::lock(&mut tx, user_id).await? {
        return Err(not_found());
    }
    if let Some(key) = key
        && let Some(made) = idempotency::judge(key, db::entitlements::replayed(&mut tx, key).await?)?
    {
        return present_grant(&mut tx, user_id, made).await;
    }
    ends_later(&mut tx, wanted.ends_at).await?;
    let before = present(&mut tx, user_id).await?.entitlement;
    let before = before.map(|before| json!({ "plan": before.plan, "ends_at": before.ends_at }));
    let new = NewGrant {
        entitlement_id: id,
        user_id,
        plan: wanted.plan,
        source: wanted.source,
        reason: wanted.reason,
        ends_at: wanted.ends_at,
    };
    if !db::entitlements::grant(&mut tx, &new, key).await? {
        // The same key at the same time for another account: the request cannot be the same.
        return Err(Problem::new(
            ErrorCode::IdempotencyKeyReused,
            "This Idempotency-Key was used before, with another request.",
        ));
    }
    let after = json!({ "plan": wanted.plan, "ends_at": wanted.ends_at });
    let detail = json!({ "entitlement_id": id, "plan": wanted.plan, "ends_at": wanted.ends_at });
    let change = Change::of(detail, before.unwrap_or_default(), after);
    caller.audit(&mut tx, "user.entitlement.grant", "user", &user_id.to_string(), change).await?;
    let grant = present_grant(&mut tx, user_id, id).await?;
    tx.commit().await?;
    Ok(grant)
}

async fn present_grant(conn: &mut PgConnection, user_id: UserId, id: EntitlementId) -> Result<Grant, Problem> {
    db::entitlements::get(conn, user_id, id).await?.ok_or_else(not_found)
}

/// Sets what counts for an account instead of its plan's limits.
///
/// # Errors
/// `account_not_found`.
pub async fn limit(
    app: &App,
    caller: &Caller<'_>,
    user_id: UserId,
    overrides: &Overrides,
) -> Result<Overrides, Problem> {
    let mut tx = app.db.begin().await?;
    // Held, so that it was as the trail says that it was.
    if !db::accounts::lock(&mut tx, user_id).await? {
        return Err(not_found());
    }
    let before = db::limits::overrides(&mut tx, user_id).await?.ok_or_else(not_found)?;
    if !db::limits::set_overrides(&mut tx, user_id, overrides).await? {
        return Err(not_found());
    }
    let (before, after) = (shown(&before), shown(overrides));
    let change = Change::of(after.clone(), before, after);
    caller.audit(&mut tx, "user.limits.set", "user", &user_id.to_string(), change).await?;
    tx.commit().await?;
    Ok(*overrides)
}

/// Limits of an account's own, for the trail.
fn shown(overrides: &Overrides) -> serde_json::Value {
    let Overrides { private_games, memberships, race_names } = *overrides;
    json!({ "private_games": private_games, "memberships": memberships, "race_names": race_names })
}

/// Revokes every active session of an account, by an administrator.
///
/// # Errors
/// `account_not_found`.
pub async fn revoke_sessions(app: &App, caller: &Caller<'_>, user_id: UserId) -> Result<Vec<DeviceSessionId>, Problem> {
    let mut tx = app.db.begin().await?;
    present(&mut tx, user_id).await?;
    let revoked = sessions::revoke_all_in(&mut tx, user_id, "administrator").await?;
    let detail = json!({ "device_session_ids": revoked });
    caller.audit(&mut tx, "user.sessions.revoke_all", "user", &user_id.to_string(), detail).await?;
    tx.commit().await?;
    wake(app, &[Topic::PushLog]);
    Ok(revoked)
}

async fn ends_later(conn: &mut PgConnection, at: Option<chrono::DateTime<chrono::Utc>>) -> Result<(), Problem> {
    match at {
        Some(at) if at <= db::games::now(conn).await? => {
            Err(Problem::field("/ends_at", "range", "must be in the future"))
        }
        _ => Ok(()),
    }
}

fn wake(app: &App, topics: &[Topic]) {
    for topic in topics {
        app.waker.wake(*topic);
    }
}
