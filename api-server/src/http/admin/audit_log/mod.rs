//! The trail of what administrators do.

pub mod export;
pub mod list;
