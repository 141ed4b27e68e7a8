//! Device sessions (SPEC §5 objects).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use chrono::{DateTime, Utc};
use poem_openapi::Object;
use shared::db;
use uuid::Uuid;

/// A device session.
#[derive(Debug, Object)]
pub struct Session {
    /// The session's id.
    pub device_session_id: Uuid,
    /// The account that it belongs to.
    pub user_id: Uuid,
    /// `active` or `revoked`.
    pub status: String,
    /// Ed25519 public key, base64, if the device gave one.
    pub client_public_key: Option<String>,
    /// When it was opened.
    pub created_at: DateTime<Utc>,
    /// When it was revoked.
    pub revoked_at: Option<DateTime<Utc>>,
    /// Why it was revoked.
    pub revoke_reason: Option<String>,
}

impl From<db::sessions::Session> for Session {
    fn from(row: db::sessions::Session) -> Self {
        Self {
            device_session_id: row.device_session_id.uuid(),
            user_id: row.user_id.uuid(),
            status: row.status.to_string(),
            client_public_key: row.client_public_key.map(|key| STANDARD.encode(key)),
            created_at: row.created_at,
            revoked_at: row.revoked_at,
            revoke_reason: row.revoke_reason,
        }
    }
}

/// What a bulk revocation did.
#[derive(Debug, Object)]
pub struct RevokedSessions {
    /// The sessions that were active and are revoked now.
    pub device_session_ids: Vec<Uuid>,
}
