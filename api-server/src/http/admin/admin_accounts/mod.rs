//! Administrators.

pub mod create;
pub mod disable;
pub mod enable;
pub mod get;
pub mod list;
pub mod patch;
pub mod reset_password;
pub mod reset_second_factor;
