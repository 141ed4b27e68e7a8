//! The check itself is checked: it passes an engine that keeps the contract, and finds out each way to break it.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs,
    reason = "a failed expectation must end the test with its message"
)]

mod binary;
mod documents;
mod mutants;
mod python;
