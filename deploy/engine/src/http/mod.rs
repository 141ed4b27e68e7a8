//! The engine API over HTTP (SPEC §9): translation only.

pub mod api;
pub mod dto;
pub mod frame;
pub mod problem;
pub mod serve;

pub use frame::{app, document};
