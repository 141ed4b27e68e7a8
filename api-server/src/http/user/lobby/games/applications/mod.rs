//! Applications to a game.

pub mod approve;
pub mod create;
pub mod get;
pub mod list;
pub mod reject;
pub mod withdraw;
