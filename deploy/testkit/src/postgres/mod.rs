//! A private Postgres: found, initialised, started, crashed and stopped without touching any other one.
//!
//! [`PostgresServer::start`] gives a server of one's own; [`shared`] one that all tests of this checkout use, so that
//! the second that `initdb` takes is paid once and not by each of a thousand test processes.

mod memory;
mod os_user;
mod program;
mod server;
pub mod shared;
mod standby;

pub(crate) use os_user::OsUser;
pub use server::{PostgresConfig, PostgresServer, StopMode};

/// The newest Postgres of this machine: its major version, and the directory of its programs.
///
/// # Errors
/// When none that is new enough is installed; the message holds the command that installs it.
pub fn programs() -> anyhow::Result<(u32, std::path::PathBuf)> {
    program::bin_dir()
}

/// The superuser of every server made here.
pub const SUPERUSER: &str = "postgres";
