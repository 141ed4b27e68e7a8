//! Operations for users: `/api/v1/user`.

mod account;
pub mod games;
pub mod lobby;
mod sessions;
