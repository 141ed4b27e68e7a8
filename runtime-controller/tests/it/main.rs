//! The runtime-controller against the real things: Postgres, the reference engine as a process and in Docker, and the
//! controller's own binary, killed where it hurts.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs,
    reason = "a failed expectation must end the test with its message"
)]

mod banish;
mod barrier;
mod crash;
mod disk_full;
mod docker;
mod docker_away;
mod docker_proxy;
mod docker_reconcile;
mod docker_restart;
mod docker_undo;
mod docker_world;
mod drivers;
mod engine_check;
mod failures;
mod faults;
mod finish;
mod hostile_containers;
mod hostile_engines;
mod idle;
mod images;
mod kube_api;
mod kube_driver;
mod kube_game;
mod lanes;
mod late;
mod leftovers;
mod log;
mod not_read;
mod out_of_memory;
mod postgres_away;
mod real_cluster;
mod reconcile;
mod reconcile_thousand;
mod replace;
mod replace_crash;
mod settings;
mod slow_pull;
mod state_limit;
mod stats;
mod stopped;
mod sweep;
mod sweep_names;
mod timers;
mod turns;
mod undo;
mod unread;
mod walk;
mod world;
