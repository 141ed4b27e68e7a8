//! Members of a game.

pub mod block;
pub mod get;
pub mod list;
pub mod remove;
