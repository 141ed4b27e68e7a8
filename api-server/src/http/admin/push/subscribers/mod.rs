//! Who subscribed.

pub mod list;
