//! Pure types and rules: no SQL, no I/O.

pub mod account;
pub mod email;
pub mod notification;
pub mod runtime;
pub mod schedule;
