//! Invites into a game.

pub mod create;
pub mod decline;
pub mod get;
pub mod list;
pub mod redeem;
pub mod revoke;
