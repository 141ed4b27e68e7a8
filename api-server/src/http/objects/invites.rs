//! Invites to private games (SPEC §5 objects).

use chrono::{DateTime, Utc};
use poem_openapi::Object;
use shared::db;
use uuid::Uuid;

use super::memberships::Membership;
use crate::page_of;

page_of!(InvitePage, Invite);

/// The way into a private game.
#[derive(Debug, Object)]
pub struct Invite {
    /// The invite's id.
    pub invite_id: Uuid,
    /// The game.
    pub game_id: Uuid,
    /// Who invites.
    pub inviter_user_id: Uuid,
    /// The inviter's display name; null where they have none.
    pub inviter_display_name: Option<String>,
    /// Whom; null for a shareable code.
    pub invited_user_id: Option<Uuid>,
    /// The invited user's display name; null where they have none, and for a shareable code.
    pub invited_display_name: Option<String>,
    /// The shareable code, digits and capital letters in groups; null for an invite to one user.
    pub code: Option<String>,
    /// How often the code may be used.
    pub max_uses: Option<i32>,
    /// How often it was used.
    pub uses: i32,
    /// `open`, `redeemed`, `declined`, `revoked`, `expired` or `closed`.
    pub status: String,
    /// Until when it may be redeemed.
    pub expires_at: DateTime<Utc>,
}

impl From<db::invites::Invite> for Invite {
    fn from(row: db::invites::Invite) -> Self {
        Self {
            invite_id: row.invite_id.uuid(),
            game_id: row.game_id.uuid(),
            inviter_user_id: row.inviter_user_id.uuid(),
            inviter_display_name: row.inviter_display_name,
            invited_user_id: row.invited_user_id.map(Into::into),
            invited_display_name: row.invited_display_name,
            code: row.code,
            max_uses: row.max_uses,
            uses: row.uses,
            status: row.status.to_string(),
            expires_at: row.expires_at,
        }
    }
}

/// A redeemed invite, and the membership that it gave.
#[derive(Debug, Object)]
pub struct RedeemedInvite {
    /// The invite as it is now.
    #[oai(flatten)]
    pub invite: Invite,
    /// What it gave.
    pub membership: Membership,
}
