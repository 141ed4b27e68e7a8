//! Identifiers: UUIDv7 (RFC 9562 §5.7) wrapped in one type per noun, so that a game's id cannot stand where a user's is wanted.

use std::fmt;
use std::str::FromStr;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// Makes a fresh time-ordered identifier. The one place where ids come from.
#[expect(clippy::disallowed_methods, reason = "the one place that makes ids; everything else calls X::new()")]
fn fresh() -> Uuid {
    Uuid::now_v7()
}

/// An id below every one that was made at this time or later, and above all that were made in an earlier millisecond.
#[must_use]
pub fn lowest_at(at: DateTime<Utc>) -> Uuid {
    let millis = u128::try_from(at.timestamp_millis().clamp(0, (1 << 48) - 1)).unwrap_or(0);
    Uuid::from_u128(millis << 80)
}

/// An id as it is written on every wire: a UUID with hyphens (RFC 9562 §4), in any case. Its other spellings — in braces, as a URN,
/// without hyphens — are refused, so that one id is one text but for its case.
#[must_use]
pub fn parse(text: &str) -> Option<Uuid> {
    const HYPHENATED: usize = 36;
    Uuid::try_parse(text).ok().filter(|_| text.len() == HYPHENATED)
}

/// A text that is no id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a UUID with hyphens")]
pub struct NoId;

macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident),* $(,)?) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, sqlx::Type)]
        #[serde(transparent)]
        #[sqlx(transparent)]
        pub struct $name(Uuid);

        #[expect(clippy::new_without_default, reason = "a default id would be a fresh one, which is no default")]
        impl $name {
            /// A fresh, time-ordered id.
            pub fn new() -> Self {
                Self(fresh())
            }

            /// The bare UUID.
            pub const fn uuid(self) -> Uuid {
                self.0
            }
        }

        impl From<Uuid> for $name {
            fn from(id: Uuid) -> Self {
                Self(id)
            }
        }

        impl From<$name> for Uuid {
            fn from(id: $name) -> Self {
                id.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        impl FromStr for $name {
            type Err = NoId;
            fn from_str(s: &str) -> Result<Self, Self::Err> {
                parse(s).map(Self).ok_or(NoId)
            }
        }
    )*};
}

ids! {
    /// A person's account.
    UserId,
    /// What an account is known by elsewhere: an address, a messenger account.
    IdentityId,
    /// A sign-in challenge: one mailed code.
    ChallengeId,
    /// A device session.
    DeviceSessionId,
    /// A granted plan.
    EntitlementId,
    /// A sanction.
    SanctionId,
    /// A game.
    GameId,
    /// An application to a public game.
    ApplicationId,
    /// An invite to a private game.
    InviteId,
    /// A membership of a game.
    MembershipId,
    /// An entry of the Race Name Directory.
    RaceNameId,
    /// A mail delivery.
    DeliveryId,
    /// A notification, as its producer wrote it.
    NotificationId,
    /// A notification's way to one recipient over one channel; also the push event's id.
    RouteId,
    /// A runtime job.
    JobId,
    /// An entry of a runtime's operations log.
    OperationId,
    /// What the API asks a controller.
    QuestionId,
    /// A worker process, from its start to its end.
    WorkerId,
    /// An entry of the audit log.
    AuditId,
    /// A note of administrators.
    NoteId,
    /// An administrator's session.
    AdminSessionId,
    /// A token with which a program calls administrators' operations.
    AdminTokenId,
    /// A request that came without an id of its own.
    RequestId,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_has_one_form_in_any_case() {
        let id = "0190f3c1-6d2e-7a41-9c55-3b8f4e2d7a10";
        assert_eq!(parse(id).unwrap().to_string(), id);
        assert_eq!(parse(&id.to_uppercase()).unwrap().to_string(), id);
        let bare = id.replace('-', "");
        for bad in
            [&bare, &format!("{{{id}}}"), &format!("urn:uuid:{id}"), &format!(" {id}"), "", "0190f3c1-6d2e-7a41-9c55"]
        {
            assert!(parse(bad).is_none(), "{bad}");
        }
    }
}
