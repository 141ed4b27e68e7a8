//! Members of a game.

pub mod list;
