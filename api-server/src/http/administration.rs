//! What administrators see of themselves, of the queues, and of what they did (SPEC §5 objects).

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use poem_openapi::Object;
use serde_json::Value;
use shared::db;
use shared::queue::QueueSpec;
use shared::queue::metrics::Snapshot;
use uuid::Uuid;

use crate::page_of;

page_of!(AdminAccountPage, AdminAccount);
page_of!(AuditEntryPage, AuditEntry);
page_of!(QueuePage, Queue);

/// An administrator.
#[derive(Debug, Object)]
pub struct AdminAccount {
    /// The name to log in with.
    pub user_name: String,
    /// Whether the administrator may log in.
    pub enabled: bool,
    /// When the account was made.
    pub created_at: DateTime<Utc>,
    /// When it was last used, to the minute.
    pub last_used_at: Option<DateTime<Utc>>,
}

impl From<db::admin_accounts::AdminAccount> for AdminAccount {
    fn from(row: db::admin_accounts::AdminAccount) -> Self {
        Self {
            user_name: row.user_name,
            enabled: row.enabled,
            created_at: row.created_at,
            last_used_at: row.last_used_at,
        }
    }
}

/// An administrator and the password that they were just given.
#[derive(Object)]
pub struct AdminAccountPassword {
    /// The name to log in with.
    pub user_name: String,
    /// Whether the administrator may log in.
    pub enabled: bool,
    /// When the account was made.
    pub created_at: DateTime<Utc>,
    /// When it was last used, to the minute.
    pub last_used_at: Option<DateTime<Utc>>,
    /// The new password. It is shown this once.
    pub password: String,
}

/// A line of the trail: something that an administrator did.
#[derive(Debug, Object)]
pub struct AuditEntry {
    /// Its id.
    pub audit_id: Uuid,
    /// When.
    pub at: DateTime<Utc>,
    /// The administrator.
    pub actor: String,
    /// What was done, as in `game.create`.
    pub action: String,
    /// The noun it was done to, as in `game`.
    pub target_type: String,
    /// Which one.
    pub target_id: String,
    /// What else matters; no secrets.
    pub detail: Value,
    /// The id of the request that did it.
    pub request_id: String,
    /// The address it came from.
    pub ip: String,
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
        }
    }
}

/// A queue of durable work.
#[derive(Debug, Object)]
pub struct Queue {
    /// `mail`, `notifications`, `notification_routes`, `runtime_jobs` or `runtime_turns`.
    pub name: String,
    /// While it is paused nothing is begun; what is under way goes on.
    pub paused: bool,
    /// Rows by state, without those that are over well. Counted to 10 000: a state at that number has at least so many.
    pub depth: BTreeMap<String, i64>,
    /// For how long the row has been due that has been due longest; 0 while none is.
    pub oldest_due_seconds: f64,
}

impl Queue {
    /// A queue and what it looked like.
    pub fn new(spec: &QueueSpec, snapshot: Snapshot) -> Self {
        Self {
            name: spec.name.to_owned(),
            paused: snapshot.paused,
            depth: snapshot.depth,
            oldest_due_seconds: snapshot.oldest_due_seconds.unwrap_or(0.0),
        }
    }
}

/// What was done to many at once.
#[derive(Debug, Object)]
pub struct BulkResult {
    /// How many matched the filter. Not counted much beyond 10 000.
    pub matched: i64,
    /// How many were changed: the oldest, `limit` at most.
    pub changed: i64,
}
