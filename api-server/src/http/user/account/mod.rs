//! The user's own account.

pub mod get;
pub mod patch;
