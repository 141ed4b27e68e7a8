//! Objects that more than one operation answers with (SPEC §5 objects). Lobby and runtime objects stand beside their operations.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use chrono::{DateTime, Utc};
use poem_openapi::Object;
use shared::db;
use uuid::Uuid;

/// Defines a page of items: `{items, next_cursor}`.
#[macro_export]
macro_rules! page_of {
    ($name:ident, $item:ty) => {
        /// A page, newest first.
        #[derive(Debug, poem_openapi::Object)]
        pub struct $name {
            /// The items of this page.
            pub items: Vec<$item>,
            /// Pass it as `cursor` for the next page; null on the last one.
            pub next_cursor: Option<String>,
        }
    };
}

/// A person's account.
#[derive(Debug, Object)]
pub struct Account {
    /// Who.
    pub user_id: Uuid,
    /// Unique handle; a placeholder until the user picks one.
    pub user_name: String,
    /// Free name, if set.
    pub display_name: Option<String>,
    /// The address of the e-mail identity, if there is one.
    pub email: Option<String>,
    /// BCP 47 language tag.
    pub preferred_language: String,
    /// IANA time zone name.
    pub time_zone: String,
    /// ISO 3166-1 alpha-2 country of the address at registration, if known.
    pub declared_country: Option<String>,
    /// The plan in force.
    pub entitlement: Entitlement,
    /// The sanctions in force.
    pub sanctions: Vec<Sanction>,
    /// When it was made.
    pub created_at: DateTime<Utc>,
    /// When it was deleted, if it was.
    pub deleted_at: Option<DateTime<Utc>>,
}

/// The plan that an account has.
#[derive(Debug, Object)]
pub struct Entitlement {
    /// `free`, `monthly`, `yearly` or `permanent`.
    pub plan: String,
    /// Whether somebody pays for it.
    pub is_paid: bool,
    /// Who or what granted it.
    pub source: String,
    /// From when.
    pub starts_at: DateTime<Utc>,
    /// Until when; null: for good.
    pub ends_at: Option<DateTime<Utc>>,
}

/// A sanction.
#[derive(Debug, Object)]
pub struct Sanction {
    /// Its id.
    pub sanction_id: Uuid,
    /// What it forbids: `login_block`, `private_game_create_block`, `private_game_manage_block`, `game_join_block`, `profile_update_block`, `permanent_block`.
    pub kind: String,
    /// Why.
    pub reason: String,
    /// Who set it.
    pub actor: String,
    /// From when.
    pub starts_at: DateTime<Utc>,
    /// Until when; null: until lifted.
    pub ends_at: Option<DateTime<Utc>>,
    /// When it was lifted; null: it stands.
    pub lifted_at: Option<DateTime<Utc>>,
}

impl From<db::sanctions::Sanction> for Sanction {
    fn from(row: db::sanctions::Sanction) -> Self {
        Self {
            sanction_id: row.sanction_id.uuid(),
            kind: row.kind,
            reason: row.reason,
            actor: row.actor,
            starts_at: row.starts_at,
            ends_at: row.ends_at,
            lifted_at: row.lifted_at,
        }
    }
}

impl From<db::accounts::Account> for Account {
    fn from(row: db::accounts::Account) -> Self {
        let entitlement = match row.entitlement {
            Some(e) => Entitlement {
                is_paid: e.plan != "free",
                plan: e.plan,
                source: e.source,
                starts_at: e.starts_at,
                ends_at: e.ends_at,
            },
            None => Entitlement {
                plan: "free".into(),
                is_paid: false,
                source: "default".into(),
                starts_at: row.created_at,
                ends_at: None,
            },
        };
        Self {
            user_id: row.user_id.uuid(),
            user_name: row.user_name,
            display_name: row.display_name,
            email: row.email,
            preferred_language: row.preferred_language,
            time_zone: row.time_zone,
            declared_country: row.declared_country,
            entitlement,
            sanctions: row.sanctions.into_iter().map(Into::into).collect(),
            created_at: row.created_at,
            deleted_at: row.deleted_at,
        }
    }
}

/// The states of a session.
pub const SESSION_STATES: &[&str] = &["active", "revoked"];

/// A device session.
#[derive(Debug, Object)]
pub struct Session {
    /// Its id.
    pub device_session_id: Uuid,
    /// Whose it is.
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
            status: row.status,
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
