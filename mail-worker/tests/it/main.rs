//! The mail worker against a real Postgres and a real SMTP server.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    missing_docs,
    reason = "a failed expectation must end the test with its message"
)]

mod alarms;
mod codes;
mod crash;
mod delivery;
mod envelope;
mod hostile;
mod lines;
mod many;
mod marks;
mod pace;
mod process;
mod recipients;
mod relay;
mod replies;
mod resend;
mod retries;
mod stage;
mod zombie;
