//! The payloads of client events on the wire (SPEC §12): FlatBuffers, one table per kind of the notification catalogue.
//!
//! The schema is `shared/schema/notification.fbs`; `cargo xtask gen` writes the generated module from it. Here stand
//! the two ways between a [`Payload`] and a buffer. Decoding verifies the buffer first, so that bytes from anywhere are safe to read.

use chrono::DateTime;
use flatbuffers::{FlatBufferBuilder, InvalidFlatbuffer, WIPOffset};

use crate::domain::notification::{Kind, Payload};

/// Code that flatc wrote. `unsafe` is its business alone: the workspace denies it everywhere else.
#[allow(
    unsafe_code,
    missing_docs,
    warnings,
    clippy::all,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "generated code: what it breaks depends on flatc"
)]
#[rustfmt::skip]
mod notification_generated;

pub use notification_generated::galaxy::notification as tables;

/// The `encoding` of client events whose payload [`encode`] wrote.
pub const FLATBUFFERS: &str = "flatbuffers";

/// The `encoding` of client events whose payload is JSON: kinds that this build has no table for.
pub const JSON: &str = "json";

/// A buffer that does not hold its kind's table.
#[derive(Debug, thiserror::Error)]
pub enum DecodeError {
    /// Not a FlatBuffer of that table.
    #[error("not a buffer of its kind: {0}")]
    Buffer(#[from] InvalidFlatbuffer),
    /// A field holds what its kind does not allow, as an id that is no UUID.
    #[error("field {0} does not hold what it should")]
    Field(&'static str),
}

/// Writes a payload as a buffer of its kind's table.
#[must_use]
pub fn encode(payload: &Payload) -> Vec<u8> {
    let mut b = FlatBufferBuilder::with_capacity(128);
    /// `table!(Name { text…, ; plain… })`: strings first (they must be in the buffer before the table), then the scalars.
    macro_rules! table {
        ($table:ident, $args:ident { $($text:ident),* ; $($plain:ident : $value:expr),* }) => {{
            $(let $text = Some(b.create_string(&$text.to_string()));)*
            let root = tables::$table::create(&mut b, &tables::$args { $($text,)* $($plain: $value,)* });
            b.finish(root, None);
        }};
    }
    match payload {
        Payload::LobbyInviteReceived { game_id, inviter_user_id } => {
            table!(LobbyInviteReceived, LobbyInviteReceivedArgs { game_id, inviter_user_id; })
        }
        Payload::LobbyInviteRevoked { game_id } => table!(LobbyInviteRevoked, LobbyInviteRevokedArgs { game_id; }),
        Payload::LobbyApplicationSubmitted { game_id, application_id } => {
            table!(LobbyApplicationSubmitted, LobbyApplicationSubmittedArgs { game_id, application_id; })
        }
        Payload::LobbyApplicationApproved { game_id } => {
            table!(LobbyApplicationApproved, LobbyApplicationApprovedArgs { game_id; })
        }
        Payload::LobbyApplicationRejected { game_id } => {
            table!(LobbyApplicationRejected, LobbyApplicationRejectedArgs { game_id; })
        }
        Payload::LobbyMembershipRemoved { game_id, reason } => {
            table!(LobbyMembershipRemoved, LobbyMembershipRemovedArgs { game_id, reason; })
        }
        Payload::LobbyMembershipBlocked { game_id } => {
            table!(LobbyMembershipBlocked, LobbyMembershipBlockedArgs { game_id; })
        }
        Payload::LobbyRaceNameRegistered { race_name } => {
            table!(LobbyRaceNameRegistered, LobbyRaceNameRegisteredArgs { race_name; })
        }
        Payload::LobbyRaceNamePending { race_name, expires_at } => {
            table!(LobbyRaceNamePending, LobbyRaceNamePendingArgs { race_name; expires_at: expires_at.timestamp_millis() })
        }
        Payload::LobbyRaceNameExpired { race_name } => {
            table!(LobbyRaceNameExpired, LobbyRaceNameExpiredArgs { race_name; })
        }
        Payload::RuntimeImagePullFailed { game_id, image_ref } => {
            table!(RuntimeImagePullFailed, RuntimeImagePullFailedArgs { game_id, image_ref; })
        }
        Payload::RuntimeContainerStartFailed { game_id } => {
            table!(RuntimeContainerStartFailed, RuntimeContainerStartFailedArgs { game_id; })
        }
        Payload::RuntimeStartConfigInvalid { game_id, reason } => {
            table!(RuntimeStartConfigInvalid, RuntimeStartConfigInvalidArgs { game_id, reason; })
        }
        Payload::GameStartFailed { game_id, reason } => {
            table!(GameStartFailed, GameStartFailedArgs { game_id, reason; })
        }
        Payload::GameStarted { game_id } => table!(GameStarted, GameStartedArgs { game_id; }),
        Payload::GameTurnReady { game_id, turn } => table!(GameTurnReady, GameTurnReadyArgs { game_id; turn: *turn }),
        Payload::GamePaused { game_id, turn, reason } => {
            table!(GamePaused, GamePausedArgs { game_id, reason; turn: *turn })
        }
        Payload::GameResumed { game_id, turn } => table!(GameResumed, GameResumedArgs { game_id; turn: *turn }),
        Payload::GameGenerationFailed { game_id, turn, reason } => {
            table!(GameGenerationFailed, GameGenerationFailedArgs { game_id, reason; turn: *turn })
        }
        Payload::GameFinished { game_id, turn, winners } => {
            let names: Vec<WIPOffset<&str>> = winners.iter().map(|w| b.create_string(w)).collect();
            let winners = b.create_vector(&names);
            table!(GameFinished, GameFinishedArgs { game_id; turn: *turn, winners: Some(winners) })
        }
        Payload::MailDeadLettered { delivery_id, template_id } => {
            table!(MailDeadLettered, MailDeadLetteredArgs { delivery_id, template_id; })
        }
    }
    b.finished_data().to_vec()
}

/// Reads what [`encode`] wrote, as clients do. Times come back with the millisecond as their unit.
///
/// # Errors
/// [`DecodeError`] when the bytes are not a buffer of that kind's table.
pub fn decode(kind: Kind, bytes: &[u8]) -> Result<Payload, DecodeError> {
    /// `payload!(Variant = Table { id…; text…; plain… })`: ids are parsed, texts copied, scalars taken as they are.
    macro_rules! payload {
        ($variant:ident { $($id:ident),* ; $($text:ident),* ; $($plain:ident),* }) => {{
            let table = flatbuffers::root::<tables::$variant>(bytes)?;
            Payload::$variant {
                $($id: table.$id().parse().map_err(|_| DecodeError::Field(stringify!($id)))?,)*
                $($text: table.$text().to_owned(),)*
                $($plain: table.$plain(),)*
            }
        }};
    }
    Ok(match kind {
        Kind::LobbyInviteReceived => payload!(LobbyInviteReceived { game_id, inviter_user_id; ; }),
        Kind::LobbyInviteRevoked => payload!(LobbyInviteRevoked { game_id; ; }),
        Kind::LobbyApplicationSubmitted => payload!(LobbyApplicationSubmitted { game_id, application_id; ; }),
        Kind::LobbyApplicationApproved => payload!(LobbyApplicationApproved { game_id; ; }),
        Kind::LobbyApplicationRejected => payload!(LobbyApplicationRejected { game_id; ; }),
        Kind::LobbyMembershipRemoved => payload!(LobbyMembershipRemoved { game_id; reason; }),
        Kind::LobbyMembershipBlocked => payload!(LobbyMembershipBlocked { game_id; ; }),
        Kind::LobbyRaceNameRegistered => payload!(LobbyRaceNameRegistered { ; race_name; }),
        Kind::LobbyRaceNamePending => {
            let table = flatbuffers::root::<tables::LobbyRaceNamePending>(bytes)?;
            Payload::LobbyRaceNamePending {
                race_name: table.race_name().to_owned(),
                expires_at: DateTime::from_timestamp_millis(table.expires_at())
                    .ok_or(DecodeError::Field("expires_at"))?,
            }
        }
        Kind::LobbyRaceNameExpired => payload!(LobbyRaceNameExpired { ; race_name; }),
        Kind::RuntimeImagePullFailed => payload!(RuntimeImagePullFailed { game_id; image_ref; }),
        Kind::RuntimeContainerStartFailed => payload!(RuntimeContainerStartFailed { game_id; ; }),
        Kind::RuntimeStartConfigInvalid => payload!(RuntimeStartConfigInvalid { game_id; reason; }),
        Kind::GameStartFailed => payload!(GameStartFailed { game_id; reason; }),
        Kind::GameStarted => payload!(GameStarted { game_id; ; }),
        Kind::GameTurnReady => payload!(GameTurnReady { game_id; ; turn }),
        Kind::GamePaused => payload!(GamePaused { game_id; reason; turn }),
        Kind::GameResumed => payload!(GameResumed { game_id; ; turn }),
        Kind::GameGenerationFailed => payload!(GameGenerationFailed { game_id; reason; turn }),
        Kind::GameFinished => {
            let table = flatbuffers::root::<tables::GameFinished>(bytes)?;
            Payload::GameFinished {
                game_id: table.game_id().parse().map_err(|_| DecodeError::Field("game_id"))?,
                turn: table.turn(),
                winners: table.winners().iter().map(str::to_owned).collect(),
            }
        }
        Kind::MailDeadLettered => payload!(MailDeadLettered { delivery_id; template_id; }),
    })
}

#[cfg(test)]
mod tests;
