#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs,
    reason = "a failed expectation must end the test with its message"
)]
//! The test kit, tested: every tool against the real thing it stands before.

mod alerts;
mod contract;
mod docs;
mod kubernetes;
mod mail;
mod nextest;
mod openapi;
mod paths;
mod postgres;
mod process;
mod prose;
mod proxy;
mod recipes;
mod scripted;
mod sections;
mod wait;
