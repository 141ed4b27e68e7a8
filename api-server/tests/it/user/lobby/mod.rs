//! The lobby: `/api/v1/user/lobby`.

mod engine_versions;
pub mod games;
mod race_names;
