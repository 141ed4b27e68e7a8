//! The push hub over gRPC (SPEC §12): several hubs in one process, on ports of their own, are replicas over one database.
//!
//! Here stands what needs traffic, time or an outage; `push_hub` holds the contract call by call, and
//! `shared/tests/it/push_log` the log's own SQL with its plans.

mod access;
mod bookmarks;
mod gateway;
mod invalidations;
mod order;
mod outages;
mod resume;
mod stage;
mod traffic;

use std::time::Duration;

/// Longer than anything here takes on a busy machine; a test that waits this long has failed.
const SOON: Duration = Duration::from_secs(90);
