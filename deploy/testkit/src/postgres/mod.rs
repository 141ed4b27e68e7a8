//! A private Postgres: found, initialised, started, crashed and stopped without touching any other one.
//!
//! [`PostgresServer::start`] gives a server of one's own; [`shared`] one that all tests of this checkout use, so that
//! the second that `initdb` takes is paid once and not by each of a thousand test processes.

mod os_user;
mod program;
mod server;
pub mod shared;

pub(crate) use os_user::OsUser;
pub use server::{PostgresConfig, PostgresServer, StopMode};

/// The superuser of every server made here.
pub const SUPERUSER: &str = "postgres";
