//! The integration tests of the shared crate: against the real Postgres, and with real processes.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs,
    reason = "a failed expectation must end the test with its message"
)]

mod database;
mod lists;
mod otlp;
mod pool;
mod push_log;
mod queue;
mod service;
mod turn_protocol;
mod words;
