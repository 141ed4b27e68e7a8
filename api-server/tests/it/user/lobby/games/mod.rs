//! Games in the lobby: `/api/v1/user/lobby/games`.

mod applications;
mod enrolment;
mod invites;
pub mod memberships;
mod settings;
mod states;
