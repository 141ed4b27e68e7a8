//! A route as a mail: which template tells of which kind.

use shared::db::notifications::Notice;
use shared::domain::notification::Payload;
use shared::ids::UserId;
use shared::mail::{self, Line, Template};

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
        mail.inviter_name = Line::new(SOMEBODY);
    }
    template
}

/// The mail of a notification, or why there is none.
pub(super) fn of(notice: &Notice) -> Result<Template, String> {
    let payload = notice.payload.as_ref().map_err(Clone::clone)?;
    let game_name = || Line::new(notice.game_name.as_deref().unwrap_or("a game"));
    let about = |game_id| mail::AboutGame { game_id, game_name: game_name() };
    let turn = |turn: u32| i32::try_from(turn).unwrap_or(i32::MAX);
    Ok(match payload.clone() {
        Payload::LobbyInviteReceived { game_id, .. } => Template::InviteReceived(mail::InviteReceived {
            game_id,
            game_name: game_name(),
            inviter_name: Line::new(notice.inviter_name.as_deref().unwrap_or(SOMEBODY)),
            invite: notice.invite,
        }),
        Payload::LobbyApplicationApproved { game_id } => Template::ApplicationApproved(about(game_id)),
        Payload::LobbyApplicationRejected { game_id } => Template::ApplicationRejected(about(game_id)),
        Payload::LobbyMembershipRemoved { reason, .. } => {
            Template::MembershipRemoved(mail::MembershipRemoved { game_name: game_name(), reason: reason.into() })
        }
        Payload::LobbyMembershipBlocked { game_id } => Template::MembershipBlocked(about(game_id)),
        Payload::LobbyRaceNamePending { race_name, expires_at } => {
            Template::RaceNamePending(mail::RaceNamePending { race_name: race_name.into(), expires_at })
        }
        Payload::MailDeadLettered { delivery_id, template_id } => {
            // An alarm of a build that gathered none tells of one.
            let (cause, count) = notice.alarm.clone().unwrap_or_else(|| ("see the delivery".to_owned(), 1));
            Template::MailDeadLettered(mail::MailDeadLettered {
                cause: cause.into(),
                count,
                delivery_id,
                template_id: template_id.into(),
            })
        }
        Payload::GameStartFailed { game_id, reason } => {
            Template::StartFailed(mail::StartFailed { game_id, game_name: game_name(), reason: reason.into() })
        }
        Payload::GameStarted { game_id } => Template::GameStarted(about(game_id)),
        Payload::GameFinished { game_id, turn: last, winners } => Template::GameFinished(mail::GameFinished {
            game_id,
            game_name: game_name(),
            turn: turn(last),
            winners: winners.into_iter().map(Line::from).collect(),
        }),
        Payload::GameGenerationFailed { game_id, turn: closing, reason } => {
            Template::GenerationFailed(mail::GenerationFailed {
                game_id,
                game_name: game_name(),
                turn: turn(closing),
                reason: reason.into(),
            })
        }
        Payload::RuntimeImagePullFailed { game_id, image_ref } => {
            let image_ref = image_ref.into();
            Template::ImagePullFailed(mail::ImagePullFailed { game_id, game_name: game_name(), image_ref })
        }
        Payload::RuntimeContainerStartFailed { game_id } => {
            Template::ContainerStartFailed(mail::ContainerStartFailed { game_id, game_name: game_name() })
        }
        Payload::RuntimeStartConfigInvalid { game_id, reason } => {
            let reason = reason.into();
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
