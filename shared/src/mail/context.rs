//! What each template needs to know. Texts may hold anything a user typed: the HTML part escapes, subjects are cleaned.

use std::time::Duration;

use chrono::{DateTime, Utc};

use crate::ids::{DeliveryId, GameId};

/// `auth.login_code`: the code that somebody asked for to sign in (SPEC §6).
#[derive(Clone)]
pub struct LoginCode {
    /// Six digits.
    pub code: String,
    /// How long it works from now on.
    pub ttl: Duration,
}

impl LoginCode {
    /// The life in words, rounded down to whole minutes so that the promise is kept.
    pub(super) fn ttl_text(&self) -> String {
        let (count, unit) = match self.ttl.as_secs() {
            seconds @ 0..60 => (seconds, "second"),
            seconds @ 60..7200 => (seconds / 60, "minute"),
            seconds => (seconds / 3600, "hour"),
        };
        format!("{count} {unit}{}", if count == 1 { "" } else { "s" })
    }
}

impl std::fmt::Debug for LoginCode {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("LoginCode").field("code", &"[redacted]").field("ttl", &self.ttl).finish()
    }
}

/// `lobby.invite.received`.
#[derive(Clone, Debug)]
pub struct InviteReceived {
    /// The game.
    pub game_name: String,
    /// The inviter's display name, or user name.
    pub inviter_name: String,
}

/// `lobby.application.approved`, `lobby.application.rejected`, `lobby.membership.blocked`, `game.started`: mails that say one thing about a game.
#[derive(Clone, Debug)]
pub struct AboutGame {
    /// The game.
    pub game_name: String,
}

/// `game.finished`.
#[derive(Clone, Debug)]
pub struct GameFinished {
    /// The game.
    pub game_name: String,
    /// The last turn.
    pub turn: i32,
    /// Race names, as the engine gave them; may be empty.
    pub winners: Vec<String>,
}

/// `game.generation.failed`, to the administrators.
#[derive(Clone, Debug)]
pub struct GenerationFailed {
    /// The game's id.
    pub game_id: GameId,
    /// The game.
    pub game_name: String,
    /// The turn that was being closed.
    pub turn: i32,
    /// What the engine or the runtime said.
    pub reason: String,
}

/// `runtime.image_pull_failed`, to the administrators.
#[derive(Clone, Debug)]
pub struct ImagePullFailed {
    /// The game's id.
    pub game_id: GameId,
    /// The game.
    pub game_name: String,
    /// The image, as `engine_versions` names it.
    pub image_ref: String,
}

/// `runtime.container_start_failed`, to the administrators.
#[derive(Clone, Debug)]
pub struct ContainerStartFailed {
    /// The game's id.
    pub game_id: GameId,
    /// The game.
    pub game_name: String,
}

/// `runtime.start_config_invalid`, to the administrators.
#[derive(Clone, Debug)]
pub struct StartConfigInvalid {
    /// The game's id.
    pub game_id: GameId,
    /// The game.
    pub game_name: String,
    /// What is wrong.
    pub reason: String,
}

/// `lobby.membership.removed`.
#[derive(Clone, Debug)]
pub struct MembershipRemoved {
    /// The game.
    pub game_name: String,
    /// Why, in words.
    pub reason: String,
}

/// `lobby.race_name.pending`.
#[derive(Clone, Debug)]
pub struct RaceNamePending {
    /// The name as written.
    pub race_name: String,
    /// Until when it may be registered.
    pub expires_at: DateTime<Utc>,
}

impl RaceNamePending {
    /// The day, in words that no locale reads in another order.
    pub(super) fn until(&self) -> String {
        self.expires_at.format("%-d %B %Y, %H:%M UTC").to_string()
    }
}

/// `mail.dead_lettered`, to the administrators.
#[derive(Clone, Debug)]
pub struct MailDeadLettered {
    /// The delivery, as the administrators' API names it.
    pub delivery_id: DeliveryId,
    /// Its template.
    pub template_id: String,
}
