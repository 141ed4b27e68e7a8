//! The trail of what administrators do.

pub mod list;
