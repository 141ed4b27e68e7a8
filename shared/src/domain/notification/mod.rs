//! The notification catalogue (SPEC §13): which kinds there are, over which channels each goes, to whom, and what it says.
//!
//! The catalogue is closed and stands in one place, the table at the end of this file: kind, channels, addressees and
//! payload of a notification cannot fall apart. `auth.login_code` is not in it on purpose. It goes to the mail outbox
//! directly, in the transaction of its challenge, and a login code must never lie in a notification's payload.
//!
//! Payloads are stored as JSON without the kind, which has its own column. Rows written yesterday are read today:
//! unknown fields are ignored, and a field added later carries `#[serde(default)]`.

use std::fmt;
use std::str::FromStr;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::ids::{ApplicationId, DeliveryId, GameId, UserId};

/// A way to a recipient. The text forms stand in `notification_routes.channel` and on metrics.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Channel {
    /// A client event through the push hub.
    Push,
    /// A mail to the recipient's e-mail identity.
    Email,
    /// A mail to `BACKEND_NOTIFICATION_ADMIN_EMAIL`.
    AdminEmail,
}

impl Channel {
    /// Every channel.
    pub const ALL: [Self; 3] = [Self::Push, Self::Email, Self::AdminEmail];

    /// The form in the database and on metrics.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Push => "push",
            Self::Email => "email",
            Self::AdminEmail => "admin_email",
        }
    }
}

impl FromStr for Channel {
    type Err = Unknown;
    fn from_str(s: &str) -> Result<Self, Unknown> {
        Self::ALL.into_iter().find(|c| c.as_str() == s).ok_or_else(|| Unknown { what: "channel", value: s.to_owned() })
    }
}

/// Whom the catalogue addresses a kind to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Addressee {
    /// The users that the producer names.
    Users,
    /// The active members of the game, at the moment of expansion.
    GameMembers,
    /// The administrators' mail address.
    Administrators,
}

/// Who gets a notification, as its producer writes it down: one row, however many recipients.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Audience {
    /// These users. Nobody at all is allowed (the owner of a game without one): the routes are then recorded `skipped`.
    Users(Vec<UserId>),
    /// The active members of the notification's game.
    GameMembers,
    /// Every account that existed when the notification was written: a broadcast.
    Everyone,
    /// The administrators' mail address.
    Administrators,
}

impl Audience {
    /// The form in `notifications.audience`.
    #[must_use]
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Users(_) => "users",
            Self::GameMembers => "game_members",
            Self::Everyone => "everyone",
            Self::Administrators => "administrators",
        }
    }

    /// Broadcasts are worked after everything else, so that a big one delays nobody (SPEC §10.7).
    #[must_use]
    pub const fn priority(&self) -> i16 {
        if matches!(self, Self::Everyone) { BROADCAST_PRIORITY } else { 0 }
    }
}

/// The priority of broadcasts in both queues.
pub const BROADCAST_PRIORITY: i16 = 1;

/// A word that is not in the catalogue: a row of a newer or a retired version.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("unknown {what} {value:?}")]
pub struct Unknown {
    what: &'static str,
    value: String,
}

/// A stored payload that does not say what its kind must say.
#[derive(Debug, thiserror::Error)]
pub enum PayloadError {
    /// The kind is not in the catalogue.
    #[error(transparent)]
    Kind(#[from] Unknown),
    /// The JSON has not the kind's fields.
    #[error("payload of {kind}: {error}")]
    Fields {
        /// The kind whose fields were expected.
        kind: Kind,
        /// What is wrong with them.
        error: serde_json::Error,
    },
}

impl Kind {
    /// Whether its pushes keep their order per user and game: those that concern one game. A number under the game's
    /// row lock gives it (SPEC §13).
    #[must_use]
    pub fn ordered(self) -> bool {
        self.has_game() && self.channels().contains(&Channel::Push)
    }

    /// Whether it goes to the administrators, whatever audience a producer asks for.
    #[must_use]
    pub fn for_administrators(self) -> bool {
        self.addressee() == Addressee::Administrators
    }

    /// The channels over which it reaches `audience` (`users`, `game_members`, `everyone`, `administrators`).
    #[must_use]
    pub fn channels_to(self, audience: &str) -> Vec<Channel> {
        let administrators = audience == Audience::Administrators.as_str();
        self.channels().iter().copied().filter(|c| (*c == Channel::AdminEmail) == administrators).collect()
    }
}

/// The idempotency key of a pause (SPEC §13): `paused:<game_id>:<turn>`, later pauses of that turn with `:<n>`.
#[must_use]
pub fn pause_key(game_id: GameId, turn: u32, pause: i32) -> String {
    if pause <= 1 { format!("paused:{game_id}:{turn}") } else { format!("paused:{game_id}:{turn}:{pause}") }
}

/// The idempotency key of a turn that is there (SPEC §13): `turn-ready:<game_id>:<turn>`.
#[must_use]
pub fn turn_ready_key(game_id: GameId, turn: u32) -> String {
    format!("turn-ready:{game_id}:{turn}")
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Kind {
    type Err = Unknown;
    fn from_str(s: &str) -> Result<Self, Unknown> {
        Self::ALL
            .iter()
            .copied()
            .find(|k| k.as_str() == s)
            .ok_or_else(|| Unknown { what: "notification kind", value: s.to_owned() })
    }
}

impl Payload {
    /// Whether this tells of the failure of its own kind's mail: such a notification is never written, or one dead
    /// letter to the administrators would make the next (SPEC §13).
    #[must_use]
    pub fn about_itself(&self) -> bool {
        matches!(self, Self::MailDeadLettered { template_id, .. } if template_id == Kind::MailDeadLettered.as_str())
    }

    /// The JSON that is stored and that the e-mail templates and `json`-encoded events carry: the fields, without the kind.
    #[must_use]
    pub fn to_json(&self) -> Value {
        // The variants hold ids, times, numbers and text only: none of them can fail to become JSON.
        let mut tagged = serde_json::to_value(self).unwrap_or_default();
        tagged.get_mut("payload").map(Value::take).unwrap_or_default()
    }

    /// Reads a stored payload.
    ///
    /// # Errors
    /// [`PayloadError`] when the kind is unknown here or the fields do not fit it.
    pub fn from_json(kind: &str, fields: Value) -> Result<Self, PayloadError> {
        let kind: Kind = kind.parse()?;
        serde_json::from_value(serde_json::json!({ "kind": kind.as_str(), "payload": fields }))
            .map_err(|error| PayloadError::Fields { kind, error })
    }
}

/// `has_game!(game_id …)`: whether the first field of a payload is the game. The table writes it first wherever there is one.
macro_rules! has_game {
    (game_id $($rest:tt)*) => {
        true
    };
    ($($other:tt)*) => {
        false
    };
}

macro_rules! catalogue {
    ($(
        $(#[$doc:meta])*
        $name:literal $variant:ident by [$($channel:ident),+] to $addressee:ident {
            $($(#[$field_doc:meta])* $field:ident: $type:ty),+ $(,)?
        }
    )+) => {
        /// A kind of notification: the closed catalogue of SPEC §13.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum Kind {
            $($(#[$doc])* $variant,)+
        }

        impl Kind {
            /// The whole catalogue, in SPEC's order.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)+];

            /// The stable name: in the database, on the wire, as mail template and on metrics.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $name,)+
                }
            }

            /// The channels it goes over.
            #[must_use]
            pub const fn channels(self) -> &'static [Channel] {
                match self {
                    $(Self::$variant => &[$(Channel::$channel,)+],)+
                }
            }

            /// Whom it is for.
            #[must_use]
            pub const fn addressee(self) -> Addressee {
                match self {
                    $(Self::$variant => Addressee::$addressee,)+
                }
            }

            const fn has_game(self) -> bool {
                match self {
                    $(Self::$variant => has_game!($($field)+),)+
                }
            }
        }

        /// What a notification says: one variant a kind.
        #[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
        #[serde(tag = "kind", content = "payload")]
        pub enum Payload {
            $(
                $(#[$doc])*
                #[serde(rename = $name)]
                $variant { $($(#[$field_doc])* $field: $type,)+ },
            )+
        }

        impl Payload {
            /// Its kind.
            #[must_use]
            pub const fn kind(&self) -> Kind {
                match self {
                    $(Self::$variant { .. } => Kind::$variant,)+
                }
            }
        }
    };
}

catalogue! {
    /// Somebody was invited to a private game.
    "lobby.invite.received" LobbyInviteReceived by [Push, Email] to Users {
        /// The game.
        game_id: GameId,
        /// Who invites.
        inviter_user_id: UserId,
    }
    /// An invite was taken back.
    "lobby.invite.revoked" LobbyInviteRevoked by [Push] to Users {
        /// The game.
        game_id: GameId,
    }
    /// Somebody applied; to the game's owner.
    "lobby.application.submitted" LobbyApplicationSubmitted by [Push] to Users {
        /// The game.
        game_id: GameId,
        /// The application.
        application_id: ApplicationId,
    }
    /// An application was approved.
    "lobby.application.approved" LobbyApplicationApproved by [Push, Email] to Users {
        /// The game.
        game_id: GameId,
    }
    /// An application was rejected.
    "lobby.application.rejected" LobbyApplicationRejected by [Push, Email] to Users {
        /// The game.
        game_id: GameId,
    }
    /// A member was removed from a game.
    "lobby.membership.removed" LobbyMembershipRemoved by [Push, Email] to Users {
        /// The game.
        game_id: GameId,
        /// Why, in words.
        reason: String,
    }
    /// A member was blocked from a game.
    "lobby.membership.blocked" LobbyMembershipBlocked by [Push, Email] to Users {
        /// The game.
        game_id: GameId,
    }
    /// A race name is its holder's for good.
    "lobby.race_name.registered" LobbyRaceNameRegistered by [Push] to Users {
        /// The name as written.
        race_name: String,
    }
    /// A race name may be registered until it lapses.
    "lobby.race_name.pending" LobbyRaceNamePending by [Push, Email] to Users {
        /// The name as written.
        race_name: String,
        /// When it lapses.
        expires_at: DateTime<Utc>,
    }
    /// A race name lapsed unregistered.
    "lobby.race_name.expired" LobbyRaceNameExpired by [Push] to Users {
        /// The name as written.
        race_name: String,
    }
    /// An engine image could not be pulled.
    "runtime.image_pull_failed" RuntimeImagePullFailed by [AdminEmail] to Administrators {
        /// The game.
        game_id: GameId,
        /// The image reference.
        image_ref: String,
    }
    /// An engine container could not be started.
    "runtime.container_start_failed" RuntimeContainerStartFailed by [AdminEmail] to Administrators {
        /// The game.
        game_id: GameId,
    }
    /// The engine refused how the game is set up.
    "runtime.start_config_invalid" RuntimeStartConfigInvalid by [AdminEmail] to Administrators {
        /// The game.
        game_id: GameId,
        /// What the engine said.
        reason: String,
    }
    /// A start of a game was given up; to the game's owner.
    "game.start_failed" GameStartFailed by [Push, Email] to Users {
        /// The game.
        game_id: GameId,
        /// Why, in a sentence.
        reason: String,
    }
    /// A game is running.
    "game.started" GameStarted by [Push, Email] to GameMembers {
        /// The game.
        game_id: GameId,
    }
    /// A turn was generated: reports can be read, orders given. Key `turn-ready:<game_id>:<turn>`.
    "game.turn.ready" GameTurnReady by [Push] to GameMembers {
        /// The game.
        game_id: GameId,
        /// The turn that is open now.
        turn: u32,
    }
    /// A game was paused, by hand or by a failure. Key `paused:<game_id>:<turn>`, later pauses of that turn append `:<n>`.
    "game.paused" GamePaused by [Push] to GameMembers {
        /// The game.
        game_id: GameId,
        /// The open turn.
        turn: u32,
        /// Why: a runtime status, `stopped`, or by hand.
        reason: String,
    }
    /// A paused game goes on.
    "game.resumed" GameResumed by [Push] to GameMembers {
        /// The game.
        game_id: GameId,
        /// The open turn.
        turn: u32,
    }
    /// A turn could not be generated.
    "game.generation.failed" GameGenerationFailed by [AdminEmail] to Administrators {
        /// The game.
        game_id: GameId,
        /// The turn that was being closed.
        turn: u32,
        /// What the engine said.
        reason: String,
    }
    /// A game is over.
    "game.finished" GameFinished by [Push, Email] to GameMembers {
        /// The game.
        game_id: GameId,
        /// The last turn.
        turn: u32,
        /// Race names of the winners.
        winners: Vec<String>,
    }
    /// A mail was given up.
    "mail.dead_lettered" MailDeadLettered by [AdminEmail] to Administrators {
        /// The delivery.
        delivery_id: DeliveryId,
        /// Its template.
        template_id: String,
    }
}

#[cfg(test)]
mod tests;
