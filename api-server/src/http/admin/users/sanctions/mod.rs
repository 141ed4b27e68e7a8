//! Sanctions on an account.

pub mod create;
pub mod lift;
pub mod list;
