//! What administrators find with one box for everything (SPEC §5 admin).

use super::word::words;

words! {
    /// What was found.
    HitKind, "kind of hit" {
        /// An application to a game.
        Application = "application",
        /// An entry of the trail.
        AuditEntry = "audit_entry",
        /// A mail.
        Delivery = "delivery",
        /// A grant of a plan.
        Entitlement = "entitlement",
        /// A game.
        Game = "game",
        /// An invite to a game.
        Invite = "invite",
        /// A membership of a game.
        Membership = "membership",
        /// A notification.
        Notification = "notification",
        /// A game's engine.
        Runtime = "runtime",
        /// A sanction.
        Sanction = "sanction",
        /// A device session.
        Session = "session",
        /// An account.
        User = "user",
    }

    /// By what it was found.
    HitMatch, "way to be found" {
        /// Its id.
        Id = "id",
        /// The address of an account, or of a mail's recipient.
        Address = "address",
        /// The beginning of a user name, a display name, or a game's name.
        Name = "name",
        /// The beginning of a container's id.
        Container = "container",
        /// The id of the request that made it.
        RequestId = "request_id",
    }
}
