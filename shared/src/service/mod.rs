//! The frame that every process stands in: lifecycle, telemetry, probes, and the `main` that joins them.

pub mod health;
pub mod lifecycle;
pub mod listen;
pub mod ops;
pub mod run;
pub mod telemetry;
