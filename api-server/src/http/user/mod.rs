//! The gateway on behalf of a user.

pub mod account;
pub mod games;
pub mod lobby;
pub mod sessions;
