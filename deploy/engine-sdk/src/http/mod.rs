//! The engine API over HTTP (SPEC §9): translation only.

mod api;
mod dto;
mod frame;
mod problem;
pub(crate) mod serve;

pub use frame::{app, document};
