//! The plans of an account.

pub mod create;
pub mod list;
