//! An administrator's own sessions.

pub mod end;
pub mod list;
