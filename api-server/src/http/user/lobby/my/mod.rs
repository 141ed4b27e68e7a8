//! What is the caller's own.

pub mod applications;
pub mod games;
pub mod invites;
pub mod race_names;
