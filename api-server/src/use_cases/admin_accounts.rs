//! Administrators and their passwords (SPEC §5 admin, §16).

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::json;
use shared::db;
use shared::db::admin_accounts::AdminAccount;
use shared::db::idempotency::Idempotency;
use sqlx::PgConnection;

use super::caller::Caller;
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
async fn hashed(app: &App, password: &str) -> Result<String, Problem> {
    app.admins.hash(password.to_owned()).await.map_err(|refusal| match refusal {
        Refusal::Busy => Problem::rate_limited("Too many passwords are being made.", Duration::from_secs(1)),
        refusal => Problem::internal(&refusal),
    })
}

/// Makes an administrator, enabled.
///
/// # Errors
/// `admin_account_exists`, `idempotency_key_reused`, `rate_limited`.
pub async fn create(
    app: &App,
    caller: &Caller<'_>,
    user_name: &str,
    password: &str,
    key: Option<&Idempotency>,
) -> Result<AdminAccount, Problem> {
    let mut conn = app.db.acquire().await?;
    if let Some(made) = replay(&mut conn, key).await? {
        return Ok(made);
    }
    // No connection is held while bcrypt works.
    drop(conn);
    let hash = hashed(app, password).await?;
    let mut tx = app.db.begin().await?;
    let made = match db::admin_accounts::insert(&mut tx, user_name, &hash, key).await {
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
    caller.audit(&mut tx, "admin_account.create", "admin_account", user_name, json!({})).await?;
    let row = db::admin_accounts::get(&mut tx, user_name).await?.ok_or_else(not_found)?;
    tx.commit().await?;
    Ok(row)
}

/// Lets an administrator log in.
///
/// # Errors
/// `admin_account_not_found`.
pub async fn enable(app: &App, caller: &Caller<'_>, user_name: &str) -> Result<AdminAccount, Problem> {
    let mut tx = app.db.begin().await?;
    let row = db::admin_accounts::set_enabled(&mut tx, user_name, true).await?.ok_or_else(not_found)?;
    caller.audit(&mut tx, "admin_account.enable", "admin_account", user_name, json!({})).await?;
    tx.commit().await?;
    Ok(row)
}

/// Keeps an administrator from logging in, from the next request on. Somebody must be left: of two who disable each other at
/// once, one stays.
///
/// # Errors
/// `admin_account_not_found`, `last_administrator`.
pub async fn disable(app: &App, caller: &Caller<'_>, user_name: &str) -> Result<AdminAccount, Problem> {
    let mut tx = app.db.begin().await?;
    let enabled = db::admin_accounts::lock_enabled(&mut tx).await?;
    if enabled.iter().all(|name| name == user_name) && !enabled.is_empty() {
        return Err(Problem::new(
            ErrorCode::LastAdministrator,
            "This is the last enabled administrator: enable another one first.",
        ));
    }
    let row = db::admin_accounts::set_enabled(&mut tx, user_name, false).await?.ok_or_else(not_found)?;
    caller.audit(&mut tx, "admin_account.disable", "admin_account", user_name, json!({})).await?;
    tx.commit().await?;
    Ok(row)
}

/// Gives an administrator a new random password, and answers it: it is nowhere else. The old one ends with the next request.
///
/// # Errors
/// `admin_account_not_found`, `rate_limited`.
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
    let row = db::admin_accounts::set_password(&mut tx, user_name, &hash).await?.ok_or_else(not_found)?;
    caller.audit(&mut tx, "admin_account.reset_password", "admin_account", user_name, json!({})).await?;
    tx.commit().await?;
    Ok((row, password))
}
