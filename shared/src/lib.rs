//! What every process of the Galaxy backend shares: ids, rules, SQL, the queue engine, the service frame and the contracts.

pub mod client_events;
pub mod clock;
pub mod config;
pub mod db;
pub mod domain;
pub mod engine_client;
#[cfg(test)]
mod fuzz;
pub mod ids;
pub mod mail;
pub mod postgres;
pub mod proto;
pub mod queue;
pub mod random;
pub mod secret;
pub mod service;

/// The schema version that this build was written for: the number of the newest migration. A test in `migrations` keeps it true.
pub const SCHEMA_VERSION: i64 = 36;
