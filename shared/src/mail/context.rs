//! What each template needs to know. Whatever somebody wrote is a [`Line`] or a [`Prose`]: templates cannot show it raw.

use chrono::{DateTime, Utc};

use super::{Line, Prose};
use crate::ids::{DeliveryId, GameId, InviteId};

/// `auth.login_code`: the code that somebody asked for to sign in (SPEC §6).
#[derive(Clone)]
pub struct LoginCode {
    /// Six digits, or groups of letters and digits for a guarded address.
    pub code: String,
    /// When it was asked for. Two mails differ by it, in their subjects too.
    pub asked_at: DateTime<Utc>,
    /// Until when it holds.
    pub expires_at: DateTime<Utc>,
}

impl LoginCode {
    /// Whether it has more characters than fit into the large type of six digits on a small screen.
    pub(super) fn is_long(&self) -> bool {
        self.code.chars().count() > 8
    }
}

impl std::fmt::Debug for LoginCode {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("LoginCode").field("code", &"[redacted]").field("expires_at", &self.expires_at).finish()
    }
}

/// `lobby.invite.received`.
#[derive(Clone, Debug)]
pub struct InviteReceived {
    /// The game's id.
    pub game_id: GameId,
    /// The game.
    pub game_name: Line,
    /// The inviter's display name, or user name.
    pub inviter_name: Line,
    /// The invite, and until when it holds; `None` where it is gone.
    pub invite: Option<(InviteId, DateTime<Utc>)>,
}

/// `lobby.application.approved`, `lobby.application.rejected`, `lobby.membership.blocked`, `game.started`: mails that say
/// one thing about a game.
#[derive(Clone, Debug)]
pub struct AboutGame {
    /// The game's id.
    pub game_id: GameId,
    /// The game.
    pub game_name: Line,
}

/// `game.finished`.
#[derive(Clone, Debug)]
pub struct GameFinished {
    /// The game's id.
    pub game_id: GameId,
    /// The game.
    pub game_name: Line,
    /// The last turn.
    pub turn: i32,
    /// Race names, as the engine gave them; may be empty.
    pub winners: Vec<Line>,
}

/// `game.generation.failed`, to the administrators.
#[derive(Clone, Debug)]
pub struct GenerationFailed {
    /// The game's id.
    pub game_id: GameId,
    /// The game.
    pub game_name: Line,
    /// The turn that was being closed.
    pub turn: i32,
    /// What the engine or the runtime said.
    pub reason: Prose,
}

/// `runtime.image_pull_failed`, to the administrators.
#[derive(Clone, Debug)]
pub struct ImagePullFailed {
    /// The game's id.
    pub game_id: GameId,
    /// The game.
    pub game_name: Line,
    /// The image, as `engine_versions` names it.
    pub image_ref: Line,
}

/// `runtime.container_start_failed`, to the administrators.
#[derive(Clone, Debug)]
pub struct ContainerStartFailed {
    /// The game's id.
    pub game_id: GameId,
    /// The game.
    pub game_name: Line,
}

/// `runtime.start_config_invalid`, to the administrators.
#[derive(Clone, Debug)]
pub struct StartConfigInvalid {
    /// The game's id.
    pub game_id: GameId,
    /// The game.
    pub game_name: Line,
    /// What is wrong.
    pub reason: Prose,
}

/// `game.start_failed`, to the owner.
#[derive(Clone, Debug)]
pub struct StartFailed {
    /// The game's id.
    pub game_id: GameId,
    /// The game.
    pub game_name: Line,
    /// Why, in a sentence; what the engine itself said is in it.
    pub reason: Prose,
}

/// `lobby.membership.removed`.
#[derive(Clone, Debug)]
pub struct MembershipRemoved {
    /// The game.
    pub game_name: Line,
    /// Why, in words.
    pub reason: Prose,
}

/// `lobby.race_name.pending`.
#[derive(Clone, Debug)]
pub struct RaceNamePending {
    /// The name as written.
    pub race_name: Line,
    /// Until when it may be registered.
    pub expires_at: DateTime<Utc>,
}

/// `mail.dead_lettered`, to the administrators: the mails that one cause killed in a quarter of an hour.
#[derive(Clone, Debug)]
pub struct MailDeadLettered {
    /// What they died of: the step of the dialogue and the relay's code, or what went wrong before.
    pub cause: Line,
    /// How many they are.
    pub count: i64,
    /// The first of them, as the administrators' API names it.
    pub delivery_id: DeliveryId,
    /// Its template.
    pub template_id: Line,
}
