//! Accounts, as administrators look after them.

pub mod countries;
pub mod delete;
pub mod entitlements;
pub mod get;
pub mod limits;
pub mod list;
pub mod sanctions;
pub mod sessions;
