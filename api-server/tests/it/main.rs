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
mod account_end;
mod admin;
mod bad_input;
mod binary;
mod bulk;
mod document;
mod every_operation;
mod exports;
mod frame;
mod generated;
mod geo;
mod harness;
mod idempotency;
mod internal;
mod leaving;
mod lists;
mod lobby_races;
mod locations;
mod migrate_on_start;
mod names;
mod postgres_away;
mod previews;
mod public;
mod push;
mod refusals;
mod refused;
mod replicas;
mod rights;
mod scale;
mod schemathesis;
mod security_log;
mod served;
mod shares;
mod tls;
mod user;
mod wire;
