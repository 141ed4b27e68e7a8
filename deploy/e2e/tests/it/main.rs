//! The whole platform as real processes: played, starved, killed, stopped.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    clippy::print_stdout,
    missing_docs,
    reason = "a failed expectation must end the test with its message"
)]

mod alone;
mod bad_input;
mod chaos;
mod console;
mod crash;
mod demo;
mod logs;
mod metrics;
mod observe;
mod restore;
mod roles;
mod schema;
mod second_signal;
mod secrets;
mod shutdown;
mod start_order;
mod traces;
mod world;
