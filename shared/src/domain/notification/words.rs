//! The words of notifications and their routes: where they stand, and the form of an audience in the database.

use crate::domain::word::words;

words! {
    /// A way to a recipient. The text forms stand in `notification_routes.channel` and on metrics.
    Channel, "channel" {
        /// A client event through the push hub.
        Push = "push",
        /// A mail to the recipient's e-mail identity.
        Email = "email",
        /// A mail to `BACKEND_NOTIFICATION_ADMIN_EMAIL`.
        AdminEmail = "admin_email",
    }

    /// Who gets a notification, without whom exactly: the form of an audience in `notifications.audience`.
    AudienceKind, "audience" {
        /// Users that the producer named.
        Users = "users",
        /// The active members of the notification's game.
        GameMembers = "game_members",
        /// Every account that existed when the notification was written.
        Everyone = "everyone",
        /// The administrators' mail address.
        Administrators = "administrators",
    }

    /// Where a notification's expansion into routes stands.
    NotificationStatus, "status of a notification" {
        /// Waits for its first attempt.
        Pending = "pending",
        /// A worker has it.
        Expanding = "expanding",
        /// Waits for another attempt.
        Retrying = "retrying",
        /// All recipients have their routes.
        Expanded = "expanded",
        /// Given up.
        DeadLettered = "dead_lettered",
        /// Its workers died of it.
        Quarantined = "quarantined",
        /// A dead one that was put away.
        Dismissed = "dismissed",
    }

    /// Where a route stands.
    RouteStatus, "status of a route" {
        /// Waits for its first attempt.
        Pending = "pending",
        /// A worker has it.
        Dispatching = "dispatching",
        /// Waits for another attempt.
        Retrying = "retrying",
        /// The hub or the outbox has it.
        Delivered = "delivered",
        /// Given up.
        DeadLettered = "dead_lettered",
        /// Its workers died of it.
        Quarantined = "quarantined",
        /// There is nothing to deliver, or nobody to deliver it to.
        Skipped = "skipped",
        /// A dead one that was put away.
        Dismissed = "dismissed",
    }
}

impl RouteStatus {
    /// Those of a dead letter; a notification's have the same names.
    pub const DEAD: &'static [Self] = &[Self::DeadLettered, Self::Quarantined];
}
