#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs,
    reason = "a failed expectation must end the test with its message"
)]
//! notify-worker with a real Postgres and the real push hub.

mod broadcast;
mod catalogue;
mod expansion;
mod failures;
mod faults;
mod hub_away;
mod latency;
mod letters;
mod mails;
mod order;
mod plans;
mod redrive;
mod subscriber;
mod tls;
mod world;
