//! Runtimes.

pub mod force_next_turn;
pub mod get;
pub mod list;
pub mod patch;
pub mod restart;
