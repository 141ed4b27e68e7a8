//! The user's own account.

pub mod delete;
pub mod get;
pub mod patch;
