//! What an operation does where it is more than one write: each function holds one transaction, visibly.

pub mod applications;
pub mod caller;
pub mod engine_versions;
pub mod enroll;
pub mod games;
pub mod invites;
pub mod play;
pub mod runtimes;
pub mod sessions;
pub mod sign_in;
pub mod transitions;
