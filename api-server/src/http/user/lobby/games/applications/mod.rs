//! Applications to a game.

pub mod approve;
pub mod create;
pub mod list;
pub mod reject;
