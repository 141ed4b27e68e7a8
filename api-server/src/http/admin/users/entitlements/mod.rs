//! The plans of an account.

pub mod create;
pub mod get;
pub mod list;
