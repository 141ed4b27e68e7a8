//! Identities that the gateway vouches for, and the sessions that it opens for them (SPEC §5 internal, §6).

use shared::db;
use shared::db::sessions::Session;
use shared::domain::account::IdentityKind;
use shared::ids::UserId;
use shared::secret::Secret;

use super::sign_in::{self, Newcomer};
use crate::app::App;
use crate::refusal::{ErrorCode, Problem};

/// Finds or makes the account that owns an identity; answers it, and whether it was made now. However many ask at once, they
/// get one account. The account's sanctions do not matter here: opening a session asks for them.
///
/// # Errors
/// `unavailable`, or what the database answers.
pub async fn provision(
    app: &App,
    kind: IdentityKind,
    external_id: &str,
    display_name: Option<&str>,
) -> Result<(UserId, bool), Problem> {
    let newcomer = Newcomer { kind, external_id, display_name, language: "en", time_zone: "UTC", ip: None };
    let mut conn = app.db.acquire().await?;
    for _ in 0..sign_in::DELETIONS_MET {
        if let Some(user_id) = db::accounts::by_identity(&mut conn, kind, external_id).await? {
            return Ok((user_id, false));
        }
        // No transaction around it: one statement makes both, and the account is nobody's business before.
        if let Some(user_id) = sign_in::create(app, &mut conn, &newcomer).await? {
            return Ok((user_id, true));
        }
    }
    Err(sign_in::changed_hands())
}

/// Opens a session for an account, and answers it with its token.
///
/// # Errors
/// `account_not_found` for an unknown or deleted account, `account_blocked`.
pub async fn open_session(app: &App, user_id: UserId, key: Option<&[u8; 32]>) -> Result<(Session, Secret), Problem> {
    let unknown = || Problem::new(ErrorCode::AccountNotFound, "No such account.");
    let mut tx = app.db.begin().await?;
    let sanctions = db::accounts::hold(&mut tx, user_id).await?.ok_or_else(unknown)?;
    if sign_in::bars_sign_in(&sanctions) {
        return Err(sign_in::account_blocked());
    }
    let (id, token) = sign_in::open_session(app, &mut tx, user_id, key).await?;
    let session = db::sessions::get(&mut tx, id).await?.ok_or_else(unknown)?;
    tx.commit().await?;
    Ok((session, token))
}
