//! Notes about a game.

pub mod create;
pub mod get;
pub mod list;
