//! The notification catalogue (SPEC §13): which kinds there are, over which channels each goes, to whom, and what it says.
//!
//! The catalogue is closed and stands in one place, the table in `catalogue.rs`: kind, channels, addressees and payload of
//! a notification cannot fall apart, nor can `docs/events.md`, `shared/schema/notification.fbs` and
//! `deploy/typescript/src/catalogue.ts`, which are generated from it. `auth.login_code` is not in it on purpose. It goes to
//! the mail outbox directly, in the transaction of its challenge, and a login code must never lie in a notification's
//! payload.
//!
//! Payloads are stored as JSON without the kind, which has its own column. Rows written yesterday are read today:
//! unknown fields are ignored, and a field added later carries `#[serde(default)]`.

use std::fmt;
use std::str::FromStr;

use serde_json::Value;

use crate::ids::{GameId, UserId};

mod catalogue;
mod field;

pub use catalogue::{Kind, Payload};
pub use field::{Field, FieldValue, Form};

mod words;

pub use words::{AudienceKind, Channel, NotificationStatus, RouteStatus};

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
    pub const fn kind(&self) -> AudienceKind {
        match self {
            Self::Users(_) => AudienceKind::Users,
            Self::GameMembers => AudienceKind::GameMembers,
            Self::Everyone => AudienceKind::Everyone,
            Self::Administrators => AudienceKind::Administrators,
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

    /// The channels over which it reaches an audience.
    #[must_use]
    pub fn channels_to(self, audience: AudienceKind) -> Vec<Channel> {
        let administrators = audience == AudienceKind::Administrators;
        self.channels().iter().copied().filter(|c| (*c == Channel::AdminEmail) == administrators).collect()
    }
}

/// A turn as the keys of notifications name it: its number, and behind it how often a turn of the game was set right by hand, if it
/// ever was. A turn that comes again after that is another one, and is told anew (SPEC §13).
#[derive(Debug, Clone, Copy)]
pub struct TurnName {
    /// The turn.
    pub turn: u32,
    /// How often an administrator took the engine's turn as the game's.
    pub accepted: i32,
}

impl fmt::Display for TurnName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.accepted {
            ..=0 => write!(f, "{}", self.turn),
            accepted => write!(f, "{}.{accepted}", self.turn),
        }
    }
}

/// The idempotency key of a pause (SPEC §13): `paused:<game_id>:<turn>`, later pauses of that turn with `:<n>`.
#[must_use]
pub fn pause_key(game_id: GameId, turn: TurnName, pause: i32) -> String {
    if pause <= 1 { format!("paused:{game_id}:{turn}") } else { format!("paused:{game_id}:{turn}:{pause}") }
}

/// The idempotency key of going on after a pause: `resumed:<game_id>:<turn>:<n>`, of the same number.
#[must_use]
pub fn resume_key(game_id: GameId, turn: TurnName, pause: i32) -> String {
    format!("resumed:{game_id}:{turn}:{pause}")
}

/// The idempotency key of a turn that is there (SPEC §13): `turn-ready:<game_id>:<turn>`.
#[must_use]
pub fn turn_ready_key(game_id: GameId, turn: TurnName) -> String {
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

    /// A payload for examples and tests: each field says what `value` has for it, as in JSON.
    ///
    /// # Errors
    /// [`PayloadError`] when a value does not fit its field.
    pub fn example(kind: Kind, value: impl Fn(&Field) -> Value) -> Result<Self, PayloadError> {
        let fields: serde_json::Map<_, _> =
            kind.fields().iter().map(|field| (field.name.to_owned(), value(field))).collect();
        Self::from_json(kind.as_str(), fields.into())
    }
}

#[cfg(test)]
mod tests;
