//! Identities that the gateway vouches for.

pub mod provision;
