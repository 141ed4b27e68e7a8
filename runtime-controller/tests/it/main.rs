//! The runtime-controller against the real things: Postgres, the reference engine as a process and in Docker, and the
//! controller's own binary, killed where it hurts.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, missing_docs)]

mod banish;
mod barrier;
mod crash;
mod docker;
mod docker_world;
mod failures;
mod finish;
mod idle;
mod late;
mod leftovers;
mod replace;
mod replace_crash;
mod stopped;
mod sweep;
mod sweep_names;
mod timers;
mod turns;
mod world;
