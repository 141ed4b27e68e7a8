//! What one account may have instead of what its plan allows.

pub mod get;
pub mod set;
