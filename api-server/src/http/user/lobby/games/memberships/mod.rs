//! Members of a game.

pub mod block;
pub mod list;
pub mod remove;
