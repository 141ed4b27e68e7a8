//! The push hub.

pub mod subscribers;
