//! Queues.

pub mod list;
pub mod pause;
pub mod resume;
