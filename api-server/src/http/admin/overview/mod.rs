//! The overview.

pub mod get;
