//! What an operation does where it is more than one write: each function holds one transaction, visibly.

pub mod accounts;
pub mod admin_accounts;
pub mod applications;
pub mod caller;
pub mod challenges;
pub mod departures;
pub mod endings;
pub mod engine_versions;
pub mod enroll;
pub mod games;
pub mod identities;
pub mod invites;
pub mod mail;
pub mod memberships;
pub mod notifications;
pub mod play;
pub mod queues;
pub mod race_names;
pub mod runtimes;
pub mod sessions;
pub mod sign_in;
pub mod transitions;
