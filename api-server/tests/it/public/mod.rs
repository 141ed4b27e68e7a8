//! Operations for anyone: `/api/v1/public`.

pub mod auth;
