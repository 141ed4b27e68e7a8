//! Pure types and rules: no SQL, no I/O.

pub mod notification;
pub mod runtime;
pub mod schedule;
