//! Runtimes.

pub mod get;
pub mod list;
