//! What happened to an account or a game, in one line of time (SPEC §5 admin).

use super::word::words;

words! {
    /// Where an entry of a line of time is from.
    TimelineSource, "source of a line of time" {
        /// The trail: an administrator did it.
        Trail = "trail",
        /// The runtime's log of operations, turns among them.
        Operation = "operation",
        /// A runtime job.
        Job = "job",
        /// A notification about the game.
        Notification = "notification",
        /// An application.
        Application = "application",
        /// A membership.
        Membership = "membership",
        /// A device session.
        Session = "session",
        /// A mail to an address of the account.
        Mail = "mail",
        /// A note of administrators.
        Note = "note",
    }
}
