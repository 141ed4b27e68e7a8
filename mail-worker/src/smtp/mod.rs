//! The dialogue with the relay, step by step. Ours (ADR 0006): clients of libraries read replies as text, have no hook before
//! `DATA`, stop at the first refused recipient, and limit nothing but the connect.

mod delay;
mod failure;
#[cfg(test)]
mod fuzz;
mod hello;
mod path;
mod pool;
mod reply;
mod session;
mod transport;
mod wire;

pub use failure::{Failure, Reply, Step};
pub use path::Path;
pub use pool::{Pool, Pooled};
pub use session::Session;
