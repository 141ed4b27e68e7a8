//! Accounts, as the gateway sees them.

pub mod get;
