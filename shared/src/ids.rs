//! Identifiers: UUIDv7 (RFC 9562 §5.7) wrapped in one type per noun, so that a game's id cannot stand where a user's is wanted.

use std::fmt;
use std::str::FromStr;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// Makes a fresh time-ordered identifier. The one place where ids come from.
#[allow(clippy::disallowed_methods, reason = "the one place that makes ids; everything else calls X::new()")]
fn fresh() -> Uuid {
    Uuid::now_v7()
}

/// An id below every one that was made at this time or later, and above all that were made in an earlier millisecond.
#[must_use]
pub fn lowest_at(at: DateTime<Utc>) -> Uuid {
    let millis = u128::try_from(at.timestamp_millis().clamp(0, (1 << 48) - 1)).unwrap_or(0);
    Uuid::from_u128(millis << 80)
}

macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident),* $(,)?) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, sqlx::Type)]
        #[serde(transparent)]
        #[sqlx(transparent)]
        pub struct $name(Uuid);

        #[allow(clippy::new_without_default, reason = "a default id would be a fresh one, which is no default")]
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
            type Err = uuid::Error;
            fn from_str(s: &str) -> Result<Self, Self::Err> {
                Uuid::parse_str(s).map(Self)
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
    /// A worker process, from its start to its end.
    WorkerId,
    /// An entry of the audit log.
    AuditId,
    /// A request that came without an id of its own.
    RequestId,
}
