//! Sanctions on an account.

pub mod create;
pub mod get;
pub mod lift;
pub mod list;
