//! How administrators come in, as they see it: sessions, tokens, second factors (SPEC §5 objects).

use chrono::{DateTime, Utc};
use poem_openapi::Object;
use shared::db;
use shared::domain::admin_access::{Role, Roles};
use shared::ids::AdminSessionId;
use uuid::Uuid;

use super::words::Closed;
use crate::page_of;

page_of!(AdminSessionPage, AdminSession);
page_of!(AdminTokenPage, AdminToken);

/// Roles as they stand in an answer.
pub fn roles_of(roles: Roles) -> Vec<Closed<Role>> {
    roles.iter().map(Closed).collect()
}

/// Roles as they stand in a request.
pub fn roles_from(words: &[Closed<Role>]) -> Roles {
    let words: Vec<Role> = words.iter().map(|word| word.0).collect();
    Roles::of(&words)
}

/// An administrator's session.
#[derive(Debug, Object)]
pub struct AdminSession {
    /// The session's id.
    pub session_id: Uuid,
    /// Whether it is the one that asks.
    pub current: bool,
    /// When it began.
    pub created_at: DateTime<Utc>,
    /// The last request in it that a person caused, to the minute.
    pub last_seen_at: DateTime<Utc>,
    /// When it ends however much it is used.
    pub expires_at: DateTime<Utc>,
    /// Until when sensitive operations go without another code.
    pub confirmed_until: Option<DateTime<Utc>>,
    /// The address that signed in.
    pub ip: String,
    /// The `User-Agent` that signed in.
    pub user_agent: String,
    /// When it was ended.
    pub ended_at: Option<DateTime<Utc>>,
    /// Why it was ended.
    pub end_reason: Option<String>,
}

impl AdminSession {
    /// As whoever asks from the session `current` sees it.
    pub fn seen(row: db::admin_sessions::AdminSession, current: Option<AdminSessionId>) -> Self {
        Self {
            session_id: row.session_id.uuid(),
            current: current == Some(row.session_id),
            created_at: row.created_at,
            last_seen_at: row.last_seen_at,
            expires_at: row.expires_at,
            confirmed_until: row.confirmed_until,
            ip: row.ip,
            user_agent: row.user_agent,
            ended_at: row.ended_at,
            end_reason: row.end_reason.map(|reason| reason.to_string()),
        }
    }
}

/// A token with which a program calls administrators' operations.
#[derive(Debug, Object)]
pub struct AdminToken {
    /// The token's id.
    pub token_id: Uuid,
    /// What its owner calls it.
    pub name: String,
    /// What it was given; it may do no more than its owner may at the moment.
    pub roles: Vec<Closed<Role>>,
    /// When it was made.
    pub created_at: DateTime<Utc>,
    /// Until when it admits.
    pub expires_at: DateTime<Utc>,
    /// When it was last used, to the minute.
    pub last_used_at: Option<DateTime<Utc>>,
    /// When it was revoked.
    pub revoked_at: Option<DateTime<Utc>>,
}

impl From<db::admin_tokens::AdminToken> for AdminToken {
    fn from(row: db::admin_tokens::AdminToken) -> Self {
        Self {
            token_id: row.token_id.uuid(),
            name: row.name,
            roles: roles_of(Roles::read(&row.roles)),
            created_at: row.created_at,
            expires_at: row.expires_at,
            last_used_at: row.last_used_at,
            revoked_at: row.revoked_at,
        }
    }
}
