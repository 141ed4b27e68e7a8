//! Workers.

pub mod list;
