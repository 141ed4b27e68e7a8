//! The rules of the game: pure functions over [`state::Game`], without I/O, clock or outside randomness. What holds in every game
//! the SDK has checked before it calls them: who may act, and in which turn.
//!
//! The same game id, the same races and the same orders give the same game, byte for byte, on every machine: all
//! arithmetic is on integers and all chance comes from [`chance::Chance`], which is seeded from the game id.

pub mod chance;
pub mod combat;
pub mod command;
pub mod event;
pub mod fleet;
pub mod galaxy;
pub mod lifecycle;
pub mod map;
pub mod message;
pub mod obey;
pub mod order;
pub mod planet;
pub mod race;
pub mod report;
pub mod rules;
pub mod seat;
pub mod state;
pub mod status;
pub mod technology;
pub mod turn;

#[cfg(test)]
mod tests;

pub use galaxy_engine_sdk::{Fault, Refusal};
pub use rules::Rules;
pub use state::Game;
