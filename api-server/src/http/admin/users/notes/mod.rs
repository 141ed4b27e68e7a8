//! Notes about an account.

pub mod create;
pub mod get;
pub mod list;
