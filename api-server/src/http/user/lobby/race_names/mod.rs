//! Race names as their holders use them.

pub mod register;
