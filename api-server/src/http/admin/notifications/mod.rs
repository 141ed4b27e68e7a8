//! Notifications.

pub mod dead_letters;
pub mod export;
pub mod get;
pub mod list;
