//! Administrators and their passwords (SPEC §5 admin, §16).

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::json;
use shared::db;
use shared::db::admin_accounts::{AdminAccount, NewAdminAccount};
use shared::db::idempotency::Idempotency;
use shared::domain::admin_access::{EndReason, Role, Roles};
use sqlx::PgConnection;

use super::admin_standing;
use super::caller::Caller;
use super::change::Change;
use super::idempotency;
use crate::admins::Refusal;
use crate::app::App;
use crate::refusal::{ErrorCode, Problem};

/// No administrator of this name.
pub fn not_found() -> Problem {
    Problem::new(ErrorCode::AdminAccountNotFound, "No administrator has this name.")
}

/// The administrator whom an earlier request made under this key.
async fn replay(conn: &mut PgConnection, key: Option<&Idempotency>) -> Result<Option<AdminAccount>, Problem> {
    let Some(key) = key else { return Ok(None) };
    match idempotency::judge(key, db::admin_accounts::replayed(conn, key).await?)? {
        Some(name) => Ok(Some(db::admin_accounts::get(conn, &name).await?.ok_or_else(not_found)?)),
        None => Ok(None),
    }
}

/// A password as it is stored. Call it while no connection is held: it waits for others' hashes.
pub(super) async fn hashed(app: &App, password: &str) -> Result<String, Problem> {
    app.admins.hash(password.to_owned()).await.map_err(|refusal| match refusal {
        Refusal::Busy => Problem::rate_limited("Too many passwords are being made.", Duration::from_secs(1)),
        refusal => Problem::internal(&refusal),
    })
}

/// An administrator to be made.
pub struct Wanted<'a> {
    /// The name to log in with, checked.
    pub user_name: &'a str,
    /// The password, checked.
    pub password: &'a str,
    /// What they may do, one role or more.
    pub roles: Roles,
    /// Where they are told of a reset, in its normal form.
    pub email: Option<&'a str>,
}

/// Makes an administrator, enabled.
///
/// # Errors
/// `admin_account_exists`, `idempotency_key_reused`, `rate_limited`, `admin_session_required`.
pub async fn create(
    app: &App,
    caller: &Caller<'_>,
    wanted: &Wanted<'_>,
    key: Option<&Idempotency>,
) -> Result<AdminAccount, Problem> {
    let mut conn = app.db.acquire().await?;
    if let Some(made) = replay(&mut conn, key).await? {
        return Ok(made);
    }
    // No connection is held while bcrypt works.
    drop(conn);
    let hash = hashed(app, wanted.password).await?;
    let new = NewAdminAccount {
        user_name: wanted.user_name,
        password_hash: &hash,
        roles: &wanted.roles.texts(),
        email: wanted.email,
    };
    let mut tx = app.db.begin().await?;
    admin_standing::hold_all(&mut tx, caller).await?;
    let made = match db::admin_accounts::insert(&mut tx, &new, key).await {
        Err(error) if error.constraint() == Some("admin_accounts_pkey") => {
            tx.rollback().await?;
            // Perhaps it was a twin of this request that has the name.
            let made = replay(&mut *app.db.acquire().await?, key).await?;
            return made.ok_or_else(|| {
                Problem::new(ErrorCode::AdminAccountExists, "There is an administrator of this name already.")
            });
        }
        made => made?,
    };
    if !made {
        return replay(&mut tx, key).await?.ok_or_else(|| Problem::internal(&"nothing was made, and nothing before"));
    }
    let detail = json!({ "roles": new.roles });
    caller.audit(&mut tx, "admin_account.create", "admin_account", wanted.user_name, detail).await?;
    let row = db::admin_accounts::get(&mut tx, wanted.user_name).await?.ok_or_else(not_found)?;
    tx.commit().await?;
    Ok(row)
}

/// Lets an administrator log in.
///
/// # Errors
/// `admin_account_not_found`, `admin_session_required`.
pub async fn enable(app: &App, caller: &Caller<'_>, user_name: &str) -> Result<AdminAccount, Problem> {
    let mut tx = app.db.begin().await?;
    admin_standing::hold_all(&mut tx, caller).await?;
    let before = db::admin_accounts::get(&mut tx, user_name).await?.ok_or_else(not_found)?;
    let row = db::admin_accounts::set_enabled(&mut tx, user_name, true).await?.ok_or_else(not_found)?;
    caller.audit(&mut tx, "admin_account.enable", "admin_account", user_name, enabled_from(&before, &row)).await?;
    tx.commit().await?;
    Ok(row)
}

/// What the trail says of an account that may log in, or may not, from now on.
fn enabled_from(before: &AdminAccount, now: &AdminAccount) -> Change {
    Change::of(json!({}), json!({ "enabled": before.enabled }), json!({ "enabled": now.enabled }))
}

/// Refuses what would leave no owner who can log in, or none with a second factor where there was one: of two who do it to each other
/// at once, one is refused. `enabled` are locked until the transaction ends.
fn an_owner_is_left(enabled: &[AdminAccount], but: &str) -> Result<(), Problem> {
    let owners = || enabled.iter().filter(|account| Roles::read(&account.roles).has(Role::Owner));
    let left = |factor: bool| owners().any(|owner| owner.user_name != but && (owner.has_factor || !factor));
    let Some(leaving) = owners().find(|owner| owner.user_name == but) else { return Ok(()) };
    if left(leaving.has_factor) {
        return Ok(());
    }
    Err(Problem::new(
        ErrorCode::LastAdministrator,
        "This is the last enabled owner, or the last with a second factor: see to another one first.",
    ))
}

/// Keeps an administrator from logging in, from the next request on, and ends their sessions. An owner must be left.
///
/// # Errors
/// `admin_account_not_found`, `last_administrator`, `admin_session_required`.
pub async fn disable(app: &App, caller: &Caller<'_>, user_name: &str) -> Result<AdminAccount, Problem> {
    let mut tx = app.db.begin().await?;
    let enabled = admin_standing::hold_all(&mut tx, caller).await?;
    an_owner_is_left(&enabled, user_name)?;
    let before = db::admin_accounts::get(&mut tx, user_name).await?.ok_or_else(not_found)?;
    let row = db::admin_accounts::set_enabled(&mut tx, user_name, false).await?.ok_or_else(not_found)?;
    db::admin_sessions::end_all(&mut tx, user_name, EndReason::Disabled).await?;
    caller.audit(&mut tx, "admin_account.disable", "admin_account", user_name, enabled_from(&before, &row)).await?;
    tx.commit().await?;
    Ok(row)
}

/// Gives an administrator other roles, which end their sessions, or an address, or both; `Some(None)` takes the address away. An owner
/// must be left.
///
/// # Errors
/// `admin_account_not_found`, `last_administrator`, `admin_session_required`.
pub async fn patch(
    app: &App,
    caller: &Caller<'_>,
    user_name: &str,
    roles: Option<Roles>,
    email: Option<Option<&str>>,
) -> Result<AdminAccount, Problem> {
    let mut tx = app.db.begin().await?;
    let enabled = admin_standing::hold_all(&mut tx, caller).await?;
    if roles.is_some_and(|roles| !roles.has(Role::Owner)) {
        an_owner_is_left(&enabled, user_name)?;
    }
    let before = db::admin_accounts::get(&mut tx, user_name).await?.ok_or_else(not_found)?;
    let words = roles.map(Roles::texts);
    let row = db::admin_accounts::patch(&mut tx, user_name, words.as_deref(), email).await?.ok_or_else(not_found)?;
    if Roles::read(&before.roles) != Roles::read(&row.roles) {
        db::admin_sessions::end_all(&mut tx, user_name, EndReason::RolesChanged).await?;
    }
    let detail =
        json!({ "roles": row.roles, "roles_before": before.roles, "email_changed": before.email != row.email });
    let (held, holds) = (json!({ "roles": before.roles }), json!({ "roles": row.roles }));
    let change = Change::of(detail, held, holds);
    caller.audit(&mut tx, "admin_account.patch", "admin_account", user_name, change).await?;
    tx.commit().await?;
    Ok(row)
}

/// Gives an administrator a new random password, and answers it: it is nowhere else. The old one ends with the next request.
///
/// # Errors
/// `admin_account_not_found`, `rate_limited`, `admin_session_required`.
pub async fn reset_password(
    app: &App,
    caller: &Caller<'_>,
    user_name: &str,
) -> Result<(AdminAccount, String), Problem> {
    let mut conn = app.db.acquire().await?;
    db::admin_accounts::get(&mut conn, user_name).await?.ok_or_else(not_found)?;
    // No connection is held while bcrypt works.
    drop(conn);
    let password = URL_SAFE_NO_PAD.encode(app.random.bytes::<24>());
    let hash = hashed(app, &password).await?;
    let mut tx = app.db.begin().await?;
    admin_standing::hold_all(&mut tx, caller).await?;
    let row = db::admin_accounts::set_password(&mut tx, user_name, &hash).await?.ok_or_else(not_found)?;
    db::admin_sessions::end_all(&mut tx, user_name, EndReason::PasswordChanged).await?;
    // What an owner does when somebody else may have been in: who was may have made tokens.
    db::admin_tokens::revoke_all(&mut tx, user_name).await?;
    caller.audit(&mut tx, "admin_account.reset_password", "admin_account", user_name, json!({})).await?;
    tx.commit().await?;
    Ok((row, password))
}
