//! The reference game engine of the Galaxy platform: a small deterministic 4X game behind the engine API (SPEC §9).
//!
//! [`game`] holds the rules, pure; [`store`] keeps a game on disk; [`engine`] puts the two together; [`http`] answers
//! the platform. [`strategy`] plays the game from a report; [`conformance`] tests any image against the contract.

pub mod conformance;
pub mod engine;
pub mod game;
pub mod http;
pub mod log;
pub mod settings;
pub mod store;
pub mod strategy;
