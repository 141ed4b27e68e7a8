//! Tokens for programs, which administrators make for themselves (SPEC §4 "Administrators").

use serde_json::json;
use shared::db;
use shared::db::admin_tokens::{AdminToken, NewToken};
use shared::domain::admin_access::Roles;
use shared::ids::AdminTokenId;
use shared::secret::Secret;

use super::admin_standing;
use super::caller::{Admin, Caller, Context};
use super::secrets::{fresh_token, hash};
use super::texts::remark;
use crate::app::App;
use crate::refusal::{ErrorCode, Problem};

/// No such token.
pub fn not_found() -> Problem {
    Problem::new(ErrorCode::AdminTokenNotFound, "You have no such token.")
}

/// A token to be made.
pub struct Wanted<'a> {
    /// What its owner calls it.
    pub name: &'a str,
    /// What it may do.
    pub roles: Roles,
    /// For how many days it admits.
    pub days: i32,
}

/// Makes a token, and answers it: it is nowhere else.
///
/// # Errors
/// `invalid_request`: a name that cannot stand, roles that its owner does not have; `admin_session_required`.
pub async fn create(
    app: &App,
    admin: &Admin,
    context: &Context,
    wanted: &Wanted<'_>,
) -> Result<(AdminToken, Secret), Problem> {
    let name = remark("name", "a name", wanted.name, 100)?;
    if wanted.roles.is_empty() || wanted.roles.within(admin.roles) != wanted.roles {
        return Err(Problem::field("/roles", "value", "must be one or more of your own roles"));
    }
    let token = fresh_token(&app.random);
    let mut tx = app.db.begin().await?;
    admin_standing::hold(&mut tx, admin).await?;
    let new = NewToken {
        user_name: &admin.name,
        name: &name,
        token_hash: &hash(token.expose()),
        roles: &wanted.roles.texts(),
        days: wanted.days,
    };
    let made = db::admin_tokens::insert(&mut tx, &new).await?;
    let caller = Caller::admin(admin, context);
    let detail = json!({ "name": name, "roles": made.roles, "expires_at": made.expires_at });
    caller.audit(&mut tx, "admin_token.create", "admin_token", &made.token_id.to_string(), detail).await?;
    tx.commit().await?;
    Ok((made, token))
}

/// Revokes one of the caller's tokens, from the next request on; one that is revoked stays as it is, and nothing is written of it.
///
/// # Errors
/// `admin_token_not_found`, `admin_session_required`.
pub async fn revoke(
    app: &App,
    admin: &Admin,
    context: &Context,
    token_id: AdminTokenId,
) -> Result<AdminToken, Problem> {
    let mut tx = app.db.begin().await?;
    // Whoever revokes tokens of the account holds it: what is read here stands.
    admin_standing::hold(&mut tx, admin).await?;
    let present = db::admin_tokens::get(&mut tx, &admin.name, token_id).await?.ok_or_else(not_found)?;
    if present.revoked_at.is_some() {
        return Ok(present);
    }
    let revoked = db::admin_tokens::revoke(&mut tx, &admin.name, token_id).await?.ok_or_else(not_found)?;
    let caller = Caller::admin(admin, context);
    caller.audit(&mut tx, "admin_token.revoke", "admin_token", &token_id.to_string(), json!({})).await?;
    tx.commit().await?;
    Ok(revoked)
}
