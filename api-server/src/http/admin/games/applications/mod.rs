//! Applications to a game.

pub mod approve;
pub mod list;
pub mod reject;
