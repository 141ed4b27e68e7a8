//! Memberships: people's places in games (SPEC §5 objects).

use chrono::{DateTime, Utc};
use poem_openapi::Object;
use shared::db;
use uuid::Uuid;

use crate::page_of;

page_of!(MembershipPage, Membership);

/// Somebody's place in a game.
#[derive(Debug, Object)]
pub struct Membership {
    /// The membership's id.
    pub membership_id: Uuid,
    /// The game.
    pub game_id: Uuid,
    /// The account of the member.
    pub user_id: Uuid,
    /// The member's display name; null where they have none.
    pub display_name: Option<String>,
    /// As what.
    pub race_name: String,
    /// `active`, `left`, `removed` or `blocked`.
    pub status: String,
    /// Since when.
    pub joined_at: DateTime<Utc>,
}

impl From<db::memberships::Membership> for Membership {
    fn from(row: db::memberships::Membership) -> Self {
        Self {
            membership_id: row.membership_id.uuid(),
            game_id: row.game_id.uuid(),
            user_id: row.user_id.uuid(),
            display_name: row.display_name,
            race_name: row.race_name,
            status: row.status.to_string(),
            joined_at: row.joined_at,
        }
    }
}
