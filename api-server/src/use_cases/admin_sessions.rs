//! What administrators do with their own sessions and password (SPEC §4 "Administrators").

use serde_json::json;
use shared::db;
use shared::db::admin_accounts::AdminAccount;
use shared::db::admin_sessions::AdminSession;
use shared::domain::admin_access::EndReason;
use shared::domain::administrator;
use shared::ids::AdminSessionId;

use super::admin_accounts::hashed;
use super::admin_sign_in::{self, Password};
use super::admin_standing;
use super::caller::{Admin, Caller, Context};
use crate::app::App;
use crate::refusal::{ErrorCode, Problem};

/// What the trail calls a change of one's own password, and a try of it by a wrong one.
const CHANGE_PASSWORD: &str = "admin_account.change_password";

/// No such session.
pub fn not_found() -> Problem {
    Problem::new(ErrorCode::SessionNotFound, "You have no such session.")
}

/// Ends the caller's session.
///
/// # Errors
/// `no_session` for who came without one; `admin_session_required` where it has ended meanwhile.
pub async fn sign_out(app: &App, admin: &Admin, context: &Context) -> Result<AdminSession, Problem> {
    let Some(session) = admin.session else {
        return Err(Problem::new(ErrorCode::NoSession, "You came without a session: there is nothing to sign out of."));
    };
    end_one(app, admin, context, session, EndReason::SignedOut).await
}

/// Ends one of the caller's sessions; one that has ended stays as it is, and nothing is written of it.
///
/// # Errors
/// `session_not_found`, `admin_session_required`.
pub async fn end(
    app: &App,
    admin: &Admin,
    context: &Context,
    session: AdminSessionId,
) -> Result<AdminSession, Problem> {
    end_one(app, admin, context, session, EndReason::Ended).await
}

async fn end_one(
    app: &App,
    admin: &Admin,
    context: &Context,
    session: AdminSessionId,
    reason: EndReason,
) -> Result<AdminSession, Problem> {
    let mut tx = app.db.begin().await?;
    // Whoever ends sessions of the account holds it: what is read here stands.
    admin_standing::hold(&mut tx, admin).await?;
    let present = db::admin_sessions::get(&mut tx, &admin.name, session).await?.ok_or_else(not_found)?;
    if present.ended_at.is_some() {
        return Ok(present);
    }
    let ended = db::admin_sessions::end(&mut tx, &admin.name, session, reason).await?.ok_or_else(not_found)?;
    let caller = Caller::admin(admin, context);
    let detail = json!({ "reason": reason });
    caller.audit(&mut tx, "admin_session.end", "admin_session", &session.to_string(), detail).await?;
    tx.commit().await?;
    Ok(ended)
}

/// Gives the caller another password, which they prove by the present one. All their sessions end.
///
/// # Errors
/// `invalid_request`, `password_incorrect`, `rate_limited`, `admin_session_required`.
pub async fn change_password(
    app: &App,
    admin: &Admin,
    context: &Context,
    present: &str,
    new: &str,
) -> Result<AdminAccount, Problem> {
    administrator::password(new, &admin.name).map_err(|why| Problem::field("/new_password", "format", why))?;
    let given = Password {
        name: &admin.name,
        password: present,
        via: admin.via,
        action: CHANGE_PASSWORD,
        session_id: admin.session,
    };
    let wrong = || Problem::new(ErrorCode::PasswordIncorrect, "The present password is wrong.");
    let stored = admin_sign_in::by_password(app, context, &given, wrong).await?;
    let hash = hashed(app, new).await?;
    let mut tx = app.db.begin().await?;
    let held = admin_standing::hold(&mut tx, admin).await?;
    if held.password_hash != stored.password_hash {
        return Err(wrong());
    }
    let row = db::admin_accounts::set_password(&mut tx, &admin.name, &hash).await?.ok_or_else(wrong)?;
    db::admin_sessions::end_all(&mut tx, &admin.name, EndReason::PasswordChanged).await?;
    let caller = Caller::admin(admin, context);
    caller.audit(&mut tx, CHANGE_PASSWORD, "admin_account", &admin.name, json!({})).await?;
    tx.commit().await?;
    Ok(row)
}
