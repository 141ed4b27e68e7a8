//! Whether an administrator whom the guard let in is still in, asked anew in the transaction of what they do to a way in, their own or
//! another's (SPEC §4 "Administrators"). Whoever takes theirs away, by another password, other roles, another factor or by disabling
//! the account, ends it in one transaction: nothing of theirs that was under way then opens another one behind it.

use shared::db::admin_accounts::{AdminAccount, Held};
use shared::db::{self, InTransaction, Tx};
use shared::domain::admin_access::Roles;
use shared::secret::same;

use super::caller::{Admin, Caller};
use crate::refusal::{ErrorCode, Problem};

/// What is answered to who is not in, or not any more.
pub fn ended() -> Problem {
    Problem::new(ErrorCode::AdminSessionRequired, "This path wants an administrator who has signed in, or a token.")
}

/// Holds the caller's account until the transaction ends ([`db::admin_accounts::hold`]), before anything else of it, and looks whether
/// what they came by still stands: their session, or by HTTP Basic the password that it was compared with, the roles, and that there is
/// no second factor. Nothing that asks this is for programs' tokens.
///
/// # Errors
/// `admin_session_required`, as one whose session has ended is answered; what the database answers.
pub async fn hold(tx: &mut impl InTransaction, admin: &Admin) -> Result<Held, Problem> {
    let held = db::admin_accounts::hold(tx, &admin.name).await?.ok_or_else(ended)?;
    let stands = match (admin.session, &admin.password_hash) {
        (Some(session), _) => db::admin_sessions::stands(tx, session).await?,
        (None, Some(password_hash)) => {
            same(held.password_hash.as_bytes(), password_hash.expose().as_bytes())
                && Roles::read(&held.roles) == admin.roles
                && !held.has_factor
        }
        (None, None) => false,
    };
    if stands { Ok(held) } else { Err(ended()) }
}

/// As [`hold`], of who acts on others' accounts: holds all that are enabled, in the one order of
/// [`db::admin_accounts::lock_enabled`], and answers them. Of two who act on each other's, one comes after the other, and is refused
/// where that took their way in.
///
/// # Errors
/// As [`hold`].
pub async fn hold_all(tx: &mut Tx, caller: &Caller<'_>) -> Result<Vec<AdminAccount>, Problem> {
    let enabled = db::admin_accounts::lock_enabled(tx).await?;
    hold(tx, caller.as_admin().ok_or_else(ended)?).await?;
    Ok(enabled)
}
