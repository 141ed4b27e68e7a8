//! Engine versions.

pub mod create;
pub mod disable;
pub mod get;
pub mod list;
pub mod patch;
