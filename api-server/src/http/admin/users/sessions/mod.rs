//! The sessions of an account.

pub mod list;
pub mod revoke_all;
pub mod revoke_many;
