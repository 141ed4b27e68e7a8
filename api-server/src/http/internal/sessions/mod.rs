//! Sessions, as the gateway checks and ends them.

pub mod get;
pub mod open;
pub mod resolve;
pub mod revoke;
pub mod revoke_all;
