//! A route as a mail.

use shared::db::notifications::Notice;
use shared::domain::notification::Payload;
use shared::ids::UserId;
use shared::mail::Template;

/// Who is named in the mail beside its reader.
pub(super) fn named(notice: &Notice) -> Option<UserId> {
    match notice.payload {
        Ok(Payload::LobbyInviteReceived { inviter_user_id, .. }) => Some(inviter_user_id),
        _ => None,
    }
}

/// The mail of a notification, or why there is none.
pub(super) fn of(notice: &Notice) -> Result<Template, String> {
    let payload = notice.payload.as_ref().map_err(Clone::clone)?;
    Template::of(payload.clone(), &notice.known).ok_or_else(|| format!("{} has no mail", payload.kind()))
}
