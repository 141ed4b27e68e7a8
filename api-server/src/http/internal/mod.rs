//! `/api/v1/internal`: the gateway itself.

pub mod identities;
pub mod sessions;
pub mod users;
