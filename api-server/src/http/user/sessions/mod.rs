//! The user's own sessions.

pub mod list;
pub mod revoke;
pub mod revoke_all;
