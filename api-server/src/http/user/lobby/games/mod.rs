//! Games in the lobby.

pub mod applications;
pub mod cancel;
pub mod create;
pub mod end;
pub mod get;
pub mod invites;
pub mod leave;
pub mod list;
pub mod memberships;
pub mod open_enrollment;
pub mod patch;
pub mod pause;
pub mod ready_to_start;
pub mod resume;
pub mod retry_start;
pub mod start;
