//! One box for everything.

pub mod find;
