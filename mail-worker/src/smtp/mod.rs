//! The dialogue with the relay, driven step by step over lettre's connection: lettre's own transport has no hook before
//! `DATA`, stops at the first refused recipient, and limits nothing but the connect.

mod failure;
mod pool;
mod session;
mod transport;

pub use failure::{Failure, Reply, Step};
pub use pool::{Pool, Pooled};
pub use session::Session;
