//! The frame that every process stands in: configuration, lifecycle, telemetry, probes, and the `main` that joins them.

pub mod config;
pub mod lifecycle;
