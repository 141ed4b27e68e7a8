//! The runtime-controller: container jobs, the turn timer, and the watch over running engines (SPEC §8).
//! `docs/runtime.md` has its state machines and failure tables.

pub mod config;
pub mod driver;
