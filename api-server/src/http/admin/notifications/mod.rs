//! Notifications.

pub mod dead_letters;
pub mod get;
pub mod list;
