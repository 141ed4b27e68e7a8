//! The set-up of an administrator's own second factor.

pub mod begin;
pub mod confirm;
