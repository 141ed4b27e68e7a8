//! Every file that is generated and committed.

pub mod proto;
