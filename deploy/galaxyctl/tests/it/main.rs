//! The program against a live api-server.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs,
    reason = "a failed expectation must end the test with its message"
)]

mod document;
mod live;
mod people;
mod stage;
