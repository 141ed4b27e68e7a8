//! The lobby.

pub mod games;
pub mod invites;
pub mod my;
pub mod race_names;
