//! Invites by shareable code.

pub mod redeem;
