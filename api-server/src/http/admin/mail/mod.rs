//! The outbox.

pub mod dead_letters;
pub mod deliveries;
