//! Users, as administrators see them.

pub mod countries;
