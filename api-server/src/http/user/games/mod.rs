//! Playing: what members say to their game's engine, and read from it.

pub mod commands;
pub mod orders;
pub mod reports;
