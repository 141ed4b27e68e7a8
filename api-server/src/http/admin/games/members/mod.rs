//! Users as members of a game.

pub mod ban;
