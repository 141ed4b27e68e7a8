//! `audit_log`: the trail of what administrators do.

use chrono::{DateTime, Utc};
use serde_json::Value;
use sqlx::PgConnection;
use uuid::Uuid;

use super::InTransaction;
use super::lists::{Span, walk_in_order};
use crate::domain::admin_access::{Outcome, Via};
use crate::ids::{AdminSessionId, AuditId};
use crate::postgres::Error;

/// One line of the trail.
#[derive(Debug, Clone)]
pub struct Entry {
    /// The entry's id.
    pub audit_id: AuditId,
    /// When it was written.
    pub at: DateTime<Utc>,
    /// The administrator.
    pub actor: String,
    /// What was done.
    pub action: String,
    /// The noun it was done to.
    pub target_type: String,
    /// The id or the name of the target.
    pub target_id: String,
    /// What else matters.
    pub detail: Value,
    /// The request's id.
    pub request_id: String,
    /// The address that the request came from.
    pub ip: String,
    /// Whether it was done.
    pub outcome: Outcome,
    /// How the administrator came in; `None`: of a release that does not say.
    pub via: Option<Via>,
    /// The session that it was done in.
    pub session_id: Option<AdminSessionId>,
    /// Why, as the administrator said.
    pub reason: Option<String>,
    /// What was changed, as it was.
    pub before: Option<Value>,
    /// The same, as it was left.
    pub after: Option<Value>,
    /// What it is a part of, by an id of the caller's.
    pub operation_id: Option<Uuid>,
}

/// A line to be written.
pub struct NewEntry<'a> {
    /// The administrator.
    pub actor: &'a str,
    /// What was done: `game.create`, `engine_version.create`, …
    pub action: &'a str,
    /// The noun it was done to.
    pub target_type: &'a str,
    /// The id or the name of the target.
    pub target_id: &'a str,
    /// What else matters.
    pub detail: Value,
    /// The request's id.
    pub request_id: &'a str,
    /// The address that the request came from.
    pub ip: &'a str,
    /// Whether it was done.
    pub outcome: Outcome,
    /// How the administrator came in.
    pub via: Via,
    /// The session that it was done in.
    pub session_id: Option<AdminSessionId>,
    /// Why, as the administrator said: 1 to 500 characters.
    pub reason: Option<&'a str>,
    /// What was changed, as it was; the column takes 16 KiB.
    pub before: Option<Value>,
    /// The same, as it was left.
    pub after: Option<Value>,
    /// What it is a part of, by an id of the caller's.
    pub operation_id: Option<Uuid>,
}

/// Writes a line; in the same transaction as the change it tells of.
pub async fn insert(conn: &mut PgConnection, entry: &NewEntry<'_>) -> Result<(), Error> {
    sqlx::query!(
        "INSERT INTO audit_log (audit_id, actor, action, target_type, target_id, detail, request_id, ip, outcome, via, session_id,
                                reason, before, after, operation_id)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15)",
        AuditId::new() as AuditId,
        entry.actor,
        entry.action,
        entry.target_type,
        entry.target_id,
        entry.detail,
        entry.request_id,
        entry.ip,
        entry.outcome.as_str(),
        entry.via.as_str(),
        entry.session_id as Option<AdminSessionId>,
        entry.reason,
        entry.before,
        entry.after,
        entry.operation_id
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Which lines; what is absent leaves the choice open.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    /// By this administrator.
    pub actor: Option<String>,
    /// Of this action.
    pub action: Option<String>,
    /// To this noun.
    pub target_type: Option<String>,
    /// To this one; its key is of any noun, but few nouns share one.
    pub target_id: Option<String>,
    /// With this outcome.
    pub outcome: Option<Outcome>,
    /// By who came in this way.
    pub via: Option<Via>,
    /// Parts of this.
    pub operation_id: Option<Uuid>,
    /// In this span.
    pub at: Span,
}

/// Lines, newest first, from below `before`. With several filters the one that leaves fewest, as a rule, is walked and the
/// others pass over lines.
pub async fn list(
    tx: &mut impl InTransaction,
    filter: &Filter,
    before: Option<AuditId>,
    limit: i64,
) -> Result<Vec<Entry>, Error> {
    let conn = walk_in_order(tx).await?;
    macro_rules! entries {
        ($walk:literal) => {
            sqlx::query_as!(
                Entry,
                r#"SELECT audit_id AS "audit_id: AuditId", at, actor, action, target_type, target_id, detail, request_id, ip, outcome, via,
                          session_id AS "session_id: AdminSessionId", reason, before, after, operation_id FROM audit_log
                    WHERE ($3::timestamptz IS NULL OR at >= $3) AND ($4::timestamptz IS NULL OR at < $4)
                      AND ($5::text IS NULL OR actor IS NOT DISTINCT FROM $5) AND ($6::text IS NULL OR action IS NOT DISTINCT FROM $6)
                      AND ($7::text IS NULL OR target_type IS NOT DISTINCT FROM $7)
                      AND ($8::text IS NULL OR target_id IS NOT DISTINCT FROM $8)
                      AND ($10::text IS NULL OR outcome IS NOT DISTINCT FROM $10) AND ($11::text IS NULL OR via IS NOT DISTINCT FROM $11)
                      AND ($12::uuid IS NULL OR operation_id IS NOT DISTINCT FROM $12) AND "# + $walk,
                filter.at.below(before),
                filter.at.lowest_id(),
                filter.at.after,
                filter.at.before,
                filter.actor,
                filter.action,
                filter.target_type,
                filter.target_id,
                limit,
                filter.outcome.map(Outcome::as_str),
                filter.via.map(Via::as_str),
                filter.operation_id
            )
            .fetch_all(conn)
            .await?
        };
    }
    Ok(match filter {
        Filter { operation_id: Some(_), .. } => entries!(
            "operation_id IS NOT NULL AND (operation_id, audit_id) < ($12, $1) AND (operation_id, audit_id) >= ($12, $2)
              ORDER BY operation_id DESC, audit_id DESC LIMIT $9"
        ),
        Filter { target_id: Some(_), .. } => entries!(
            "(target_id, audit_id) < ($8, $1) AND (target_id, audit_id) >= ($8, $2) ORDER BY target_id DESC, audit_id DESC LIMIT $9"
        ),
        Filter { actor: Some(_), .. } => entries!(
            "(actor, audit_id) < ($5, $1) AND (actor, audit_id) >= ($5, $2) ORDER BY actor DESC, audit_id DESC LIMIT $9"
        ),
        Filter { action: Some(_), .. } => entries!(
            "(action, audit_id) < ($6, $1) AND (action, audit_id) >= ($6, $2) ORDER BY action DESC, audit_id DESC LIMIT $9"
        ),
        Filter { target_type: Some(_), .. } => entries!(
            "(target_type, audit_id) < ($7, $1) AND (target_type, audit_id) >= ($7, $2) ORDER BY target_type DESC, audit_id DESC LIMIT $9"
        ),
        Filter { outcome: Some(_), .. } => entries!(
            "(outcome, audit_id) < ($10, $1) AND (outcome, audit_id) >= ($10, $2) ORDER BY outcome DESC, audit_id DESC LIMIT $9"
        ),
        Filter { via: Some(_), .. } => entries!(
            "(via, audit_id) < ($11, $1) AND (via, audit_id) >= ($11, $2) ORDER BY via DESC, audit_id DESC LIMIT $9"
        ),
        _ => entries!("audit_id < $1 AND audit_id >= $2 ORDER BY audit_id DESC LIMIT $9"),
    })
}
