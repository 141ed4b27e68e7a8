//! What may become of applications, invites, memberships and race names (SPEC §7).

use super::word::words;

words! {
    /// What became of an application.
    ApplicationStatus, "status of an application" {
        /// To be decided.
        Submitted = "submitted",
        /// The applicant is, or was, a member.
        Approved = "approved",
        /// Not taken in.
        Rejected = "rejected",
        /// Taken back by the applicant.
        Withdrawn = "withdrawn",
        /// The game left enrolment first.
        Closed = "closed",
    }

    /// What became of an invite.
    InviteStatus, "status of an invite" {
        /// May be redeemed.
        Open = "open",
        /// Used as often as it may be.
        Redeemed = "redeemed",
        /// Turned down by the invited user.
        Declined = "declined",
        /// Taken back.
        Revoked = "revoked",
        /// Its time is over.
        Expired = "expired",
        /// The game left enrolment first.
        Closed = "closed",
    }

    /// What became of a membership.
    MembershipStatus, "status of a membership" {
        /// In the game.
        Active = "active",
        /// Gone by themselves.
        Left = "left",
        /// Sent away; they may come back.
        Removed = "removed",
        /// Sent away; they may not come back.
        Blocked = "blocked",
    }

    /// What a race name is to its holder.
    RaceNameStatus, "status of a race name" {
        /// For a game that goes on.
        Reserved = "reserved",
        /// May be registered until it lapses.
        PendingRegistration = "pending_registration",
        /// The holder's for good.
        Registered = "registered",
        /// Free again.
        Released = "released",
    }
}
