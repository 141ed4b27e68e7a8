//! The reference game engine of the Galaxy platform: a small deterministic 4X game behind the engine API (SPEC §9).
//!
//! [`game`] holds the rules, pure; [`mod@reference`] gives them to the SDK (`deploy/engine-sdk`), which answers the platform and keeps
//! the state. [`strategy`] plays the game from a report.

pub mod game;
pub mod reference;
pub mod settings;
pub mod strategy;
