//! From which countries a user calls.

pub mod list;
