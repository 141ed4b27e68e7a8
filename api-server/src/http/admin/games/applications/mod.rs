//! Applications to a game.

pub mod approve;
pub mod get;
pub mod list;
pub mod reject;
