//! `/api/v1/internal`: the gateway itself.

pub mod sessions;
