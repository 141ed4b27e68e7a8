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
mod accounts;
mod admin_users;
mod administration;
mod amends;
mod applications;
mod bad_input;
mod binary;
mod code_mails;
mod departures;
mod document;
mod endings;
mod engine_answers;
mod engine_versions;
mod enrolment;
mod every_operation;
mod frame;
mod game_settings;
mod generated;
mod geo;
mod guarded;
mod harness;
mod idempotency;
mod invites;
mod lists;
mod lobby;
mod lobby_races;
mod locations;
mod memberships;
mod migrate_on_start;
mod names;
mod play;
mod postgres_away;
mod push;
mod push_hub;
mod race_names;
mod refusals;
mod replicas;
mod runtime_log;
mod runtimes;
mod scale;
mod schemathesis;
mod security_log;
mod served;
mod shares;
mod sign_in;
mod tls;
mod wire;
