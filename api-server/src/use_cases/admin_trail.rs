//! What administrators tried and were refused: in the trail, in the log and in the metric (SPEC §4 "Administrators"). What they did
//! stands in the trail with the change itself ([`super::caller::Caller::audit`]).

use serde_json::{Value, json};
use shared::db;
use shared::db::audit_log::NewEntry;
use shared::domain::admin_access::{Outcome, Via};
use shared::ids::AdminSessionId;
use shared::postgres::is_rehearsed;
use sqlx::PgConnection;

use super::caller::{Admin, Context};
use crate::app::App;
use crate::refusal::{ErrorCode, Problem};

/// A call that somebody who is in may not make.
pub struct Refused<'a> {
    /// The operation's id.
    pub action: &'a str,
    /// The noun that it is done to.
    pub target_type: &'a str,
    /// The id or the name of the target.
    pub target_id: &'a str,
    /// Why not.
    pub code: ErrorCode,
    /// Whether it was only to be tried.
    pub dry_run: bool,
}

/// Writes that a call was refused.
///
/// # Errors
/// What the database answers: a refusal that leaves no line is none.
pub async fn refused(app: &App, context: &Context, admin: &Admin, refused: &Refused<'_>) -> Result<(), Problem> {
    let code = refused.code.word();
    let detail = if refused.dry_run { json!({ "code": code, "dry_run": true }) } else { json!({ "code": code }) };
    let entry = NewEntry {
        actor: &admin.name,
        action: refused.action,
        target_type: refused.target_type,
        target_id: refused.target_id,
        detail,
        request_id: &context.request_id,
        ip: &context.ip.to_string(),
        outcome: Outcome::Refused,
        via: admin.via,
        session_id: admin.session,
        reason: context.reason.as_deref(),
        before: None,
        after: None,
        operation_id: context.operation_id,
    };
    let mut conn = app.db.acquire().await?;
    Ok(db::audit_log::insert(&mut conn, &entry).await?)
}

/// Refuses whoever has not given a code within the last ten minutes ([`Admin::confirmed`]), of a request that wants one where others of
/// its operation do not; and writes that it was refused.
///
/// # Errors
/// `person_required`, `confirmation_required`, or what the database answers.
pub async fn confirmed(
    app: &App,
    context: &Context,
    admin: &Admin,
    action: &str,
    target: (&str, &str),
) -> Result<(), Problem> {
    let Err(problem) = admin.confirmed() else { return Ok(()) };
    let (target_type, target_id) = target;
    let what = Refused { action, target_type, target_id, code: problem.code, dry_run: is_rehearsed() };
    refused(app, context, admin, &what).await?;
    Err(problem)
}

/// A step of a sign-in.
pub struct Step<'a> {
    /// What was tried.
    pub action: &'a str,
    /// The administrator's name: that of an account, or `?`.
    pub name: &'a str,
    /// What became of it.
    pub outcome: Outcome,
    /// By which way in.
    pub via: Via,
    /// The session that came of it, or that it was tried in.
    pub session_id: Option<AdminSessionId>,
    /// What else matters.
    pub detail: Value,
}

/// Writes a step of a sign-in.
pub async fn step(conn: &mut PgConnection, context: &Context, step: &Step<'_>) -> Result<(), Problem> {
    let entry = NewEntry {
        actor: step.name,
        action: step.action,
        target_type: "admin_account",
        target_id: step.name,
        detail: step.detail.clone(),
        request_id: &context.request_id,
        ip: &context.ip.to_string(),
        outcome: step.outcome,
        via: step.via,
        session_id: step.session_id,
        reason: context.reason.as_deref(),
        before: None,
        after: None,
        operation_id: context.operation_id,
    };
    Ok(db::audit_log::insert(conn, &entry).await?)
}

/// Says who was refused, from where and why: the one line in which a name and an IP address stand in the log (SPEC §6). The
/// name is that of an account.
pub fn tell(app: &App, name: Option<&str>, context: &Context, outcome: &'static str) {
    app.admins.count(outcome);
    tracing::warn!(event = "admin_refused", admin = name, ip = %context.ip, outcome, "an administrator was refused");
}
