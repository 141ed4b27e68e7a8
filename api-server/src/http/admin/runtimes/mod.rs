//! Runtimes.

pub mod accept_turn;
pub mod cancel_job;
pub mod export;
pub mod force_next_turn;
pub mod get;
pub mod list;
pub mod log;
pub mod patch;
pub mod patch_many;
pub mod reconcile;
pub mod release;
pub mod restart;
pub mod restart_many;
