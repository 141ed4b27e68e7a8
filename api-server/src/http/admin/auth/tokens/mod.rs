//! An administrator's own tokens, for programs.

pub mod create;
pub mod get;
pub mod list;
pub mod revoke;
