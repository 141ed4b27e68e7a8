//! The frame that every process stands in: configuration, lifecycle, telemetry, probes, and the `main` that joins them.

pub mod config;
pub mod health;
pub mod lifecycle;
pub mod listen;
pub mod run;
pub mod telemetry;
