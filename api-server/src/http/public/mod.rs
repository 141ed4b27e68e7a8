//! `/api/v1/public`: anyone, through the gateway.

pub mod auth;
