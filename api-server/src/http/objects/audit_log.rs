//! The trail of what administrators did (SPEC §5 objects).

use chrono::{DateTime, Utc};
use poem_openapi::Object;
use serde_json::Value;
use shared::db;
use uuid::Uuid;

use crate::page_of;

page_of!(AuditEntryPage, AuditEntry);

/// A line of the trail: something that an administrator did, or tried.
#[derive(Debug, Object)]
pub struct AuditEntry {
    /// The entry's id.
    pub audit_id: Uuid,
    /// When it was written.
    pub at: DateTime<Utc>,
    /// The administrator.
    pub actor: String,
    /// What was done, as in `game.create`.
    pub action: String,
    /// The noun it was done to, as in `game`.
    pub target_type: String,
    /// The id or the name of the target.
    pub target_id: String,
    /// What else matters; no secrets.
    pub detail: Value,
    /// The id of the request that did it.
    pub request_id: String,
    /// The address it came from.
    pub ip: String,
    /// Whether it was done: a sign-in that failed, and what the administrator may not do, stand here too.
    pub outcome: String,
    /// How the administrator came in; null where a former release wrote the line.
    pub via: Option<String>,
    /// The session that it was done in, where there was one.
    pub session_id: Option<Uuid>,
    /// Why, as the administrator said; null where they did not, and where it went with the account of whom it was said.
    pub reason: Option<String>,
    /// What was changed, as it was; null where nothing was, or was not there.
    pub before: Option<Value>,
    /// The same, as it was left.
    pub after: Option<Value>,
    /// What it is a part of, by an id of the administrator's own.
    pub operation_id: Option<Uuid>,
}

impl From<db::audit_log::Entry> for AuditEntry {
    fn from(row: db::audit_log::Entry) -> Self {
        Self {
            audit_id: row.audit_id.uuid(),
            at: row.at,
            actor: row.actor,
            action: row.action,
            target_type: row.target_type,
            target_id: row.target_id,
            detail: row.detail,
            request_id: row.request_id,
            ip: row.ip,
            outcome: row.outcome.to_string(),
            via: row.via.map(|via| via.to_string()),
            session_id: row.session_id.map(|id| id.uuid()),
            reason: row.reason,
            before: row.before,
            after: row.after,
            operation_id: row.operation_id,
        }
    }
}
