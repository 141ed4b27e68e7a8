//! What may become of a mail, of its attempts, and at its recipients (SPEC §11).

use super::word::words;

words! {
    /// Where a mail stands.
    DeliveryStatus, "status of a delivery" {
        /// Waits for its first attempt.
        Pending = "pending",
        /// A worker has it.
        Sending = "sending",
        /// Waits for another attempt.
        Retrying = "retrying",
        /// Everybody is decided, somebody accepted.
        Sent = "sent",
        /// Given up.
        DeadLettered = "dead_lettered",
        /// Its workers died of it.
        Quarantined = "quarantined",
        /// Its time passed before it was sent.
        Expired = "expired",
        /// A dead one that was put away.
        Dismissed = "dismissed",
    }

    /// What became of a mail at one recipient.
    RecipientStatus, "status of a recipient" {
        /// Not accepted, not refused: the next attempt asks again.
        Undecided = "undecided",
        /// The relay took it.
        Accepted = "accepted",
        /// The relay refused it for good.
        Refused = "refused",
    }

    /// How a try ended.
    AttemptOutcome, "outcome of an attempt" {
        /// Everybody is decided, somebody accepted.
        Sent = "sent",
        /// Somebody is still undecided.
        Retry = "retry",
        /// Everybody who was asked refused.
        Permanent = "permanent",
        /// Lost after `DATA` had begun: the relay may have taken it.
        Unknown = "unknown",
    }
}

impl DeliveryStatus {
    /// Those that end in a dead letter.
    pub const DEAD: &'static [Self] = &[Self::DeadLettered, Self::Quarantined];
    /// Those that a delivery can be sent again from.
    pub const RESENDABLE: &'static [Self] =
        &[Self::Pending, Self::Retrying, Self::DeadLettered, Self::Quarantined, Self::Dismissed];
}
