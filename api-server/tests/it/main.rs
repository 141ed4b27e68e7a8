//! The replica as callers see it: real Postgres, real HTTP, both sides held to `openapi.json`.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    missing_docs,
    reason = "a failed expectation must end the test with its message, and figures are printed"
)]

mod access;
mod bad_input;
mod document;
mod enrolment;
mod every_operation;
mod frame;
mod harness;
mod idempotency;
mod lobby;
mod play;
mod push;
mod push_hub;
mod refusals;
mod schemathesis;
mod sign_in;
