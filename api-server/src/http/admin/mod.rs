//! What administrators do: HTTP Basic against `admin_accounts`, and every write leaves a line in the trail.

pub mod engine_versions;
pub mod games;
pub mod runtimes;
pub mod users;
