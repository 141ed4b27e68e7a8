//! Games: administrators do for public ones what owners do for private ones.

pub mod applications;
pub mod cancel;
pub mod create;
pub mod force_start;
pub mod force_stop;
pub mod get;
pub mod list;
pub mod members;
pub mod memberships;
pub mod open_enrollment;
pub mod patch;
pub mod pause;
pub mod ready_to_start;
pub mod resume;
pub mod retry_start;
pub mod start;
