//! Sanctions: set, lifted, and seen (SPEC §5 objects).

use chrono::{DateTime, Utc};
use poem_openapi::Object;
use shared::db;
use shared::domain::account::SanctionKind;
use uuid::Uuid;

use super::words::Closed;
use crate::page_of;

page_of!(SanctionPage, Sanction);

/// A sanction.
#[derive(Debug, Object)]
pub struct Sanction {
    /// The sanction's id.
    pub sanction_id: Uuid,
    /// What it forbids: `login_block`, `private_game_create_block`, `private_game_manage_block`, `game_join_block`,
    /// `profile_update_block`, `permanent_block`.
    pub kind: String,
    /// The reason that the administrator gave.
    pub reason: String,
    /// Who set it.
    pub actor: String,
    /// The moment from which it is in force.
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
            kind: row.kind.to_string(),
            reason: row.reason,
            actor: row.actor,
            starts_at: row.starts_at,
            ends_at: row.ends_at,
            lifted_at: row.lifted_at,
        }
    }
}

/// A sanction to be set, in force from now on.
#[derive(Debug, Object)]
#[oai(deny_unknown_fields)]
pub struct NewSanction {
    /// What it forbids.
    pub kind: Closed<SanctionKind>,
    /// Why, in one line of 1 to 500 characters. The account's owner reads it.
    #[oai(validator(min_length = 1, max_length = 500))]
    pub reason: String,
    /// Until when, in the future; null: until it is lifted.
    pub ends_at: Option<DateTime<Utc>>,
}
