//! A route as a mail: which template tells of which kind.

use shared::db::notifications::Notice;
use shared::domain::notification::Payload;
use shared::ids::UserId;
use shared::mail::{self, Template};

/// Who invites where the inviter is gone.
const SOMEBODY: &str = "Somebody";

/// Who is named in the mail beside its reader.
pub(super) fn named(notice: &Notice) -> Option<UserId> {
    match notice.payload {
        Ok(Payload::LobbyInviteReceived { inviter_user_id, .. }) => Some(inviter_user_id),
        _ => None,
    }
}

/// The same mail, which names nobody.
pub(super) fn unnamed(template: &Template) -> Template {
    let mut template = template.clone();
    if let Template::InviteReceived(mail) = &mut template {
        SOMEBODY.clone_into(&mut mail.inviter_name);
    }
    template
}

/// The mail of a notification, or why there is none.
pub(super) fn of(notice: &Notice) -> Result<Template, String> {
    let payload = notice.payload.as_ref().map_err(Clone::clone)?;
    let game_name = || notice.game_name.clone().unwrap_or_else(|| "a game".to_owned());
    let about = || mail::AboutGame { game_name: game_name() };
    let turn = |turn: u32| i32::try_from(turn).unwrap_or(i32::MAX);
    Ok(match payload.clone() {
        Payload::LobbyInviteReceived { .. } => Template::InviteReceived(mail::InviteReceived {
            game_name: game_name(),
            inviter_name: notice.inviter_name.clone().unwrap_or_else(|| SOMEBODY.to_owned()),
        }),
        Payload::LobbyApplicationApproved { .. } => Template::ApplicationApproved(about()),
        Payload::LobbyApplicationRejected { .. } => Template::ApplicationRejected(about()),
        Payload::LobbyMembershipRemoved { reason, .. } => {
            Template::MembershipRemoved(mail::MembershipRemoved { game_name: game_name(), reason })
        }
        Payload::LobbyMembershipBlocked { .. } => Template::MembershipBlocked(about()),
        Payload::LobbyRaceNamePending { race_name, expires_at } => {
            Template::RaceNamePending(mail::RaceNamePending { race_name, expires_at })
        }
        Payload::MailDeadLettered { delivery_id, template_id } => {
            Template::MailDeadLettered(mail::MailDeadLettered { delivery_id, template_id })
        }
        Payload::GameStarted { .. } => Template::GameStarted(about()),
        Payload::GameFinished { turn: last, winners, .. } => {
            Template::GameFinished(mail::GameFinished { game_name: game_name(), turn: turn(last), winners })
        }
        Payload::GameGenerationFailed { game_id, turn: closing, reason } => {
            Template::GenerationFailed(mail::GenerationFailed {
                game_id,
                game_name: game_name(),
                turn: turn(closing),
                reason,
            })
        }
        Payload::RuntimeImagePullFailed { game_id, image_ref } => {
            Template::ImagePullFailed(mail::ImagePullFailed { game_id, game_name: game_name(), image_ref })
        }
        Payload::RuntimeContainerStartFailed { game_id } => {
            Template::ContainerStartFailed(mail::ContainerStartFailed { game_id, game_name: game_name() })
        }
        Payload::RuntimeStartConfigInvalid { game_id, reason } => {
            Template::StartConfigInvalid(mail::StartConfigInvalid { game_id, game_name: game_name(), reason })
        }
        // Listed one by one, so that a new kind is decided here.
        other @ (Payload::LobbyInviteRevoked { .. }
        | Payload::LobbyApplicationSubmitted { .. }
        | Payload::LobbyRaceNameRegistered { .. }
        | Payload::LobbyRaceNameExpired { .. }
        | Payload::GameTurnReady { .. }
        | Payload::GamePaused { .. }
        | Payload::GameResumed { .. }) => return Err(format!("{} has no mail", other.kind())),
    })
}
