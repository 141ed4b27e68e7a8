//! What the tests of every crate, `xtask` and the end-to-end demo stand on: real parts, started in a moment.
//!
//! | you need | take |
//! | --- | --- |
//! | a migrated, private database | [`TestDb::new`] |
//! | a Postgres that may be stopped, killed, restarted | [`PostgresServer::start`] |
//! | a standby of it, and a failover to it | [`failover::Pair::start`] |
//! | a pooler in front of it | [`pgbouncer::PgBouncer::start`] |
//! | an SMTP server that can misbehave, and the mails it took | [`mail::MailCatcher`] |
//! | a peer that holds all it can, from an address of its own | [`hostile`] |
//! | a network that fails | [`proxy::TcpProxy`] |
//! | a game engine that misbehaves as told | [`scripted`], the binary `scripted-engine` |
//! | a registry of images, with a login | [`registry::Registry`] |
//! | a Prometheus over it, and what the dashboards ask | [`prometheus::Prometheus::start`] |
//! | a collector of traces, and what it was told | [`otlp::Collector::start`] |
//! | to wait for something without sleeping for luck | [`eventually`] |
//! | a real binary of this workspace as a child | [`process::Proc`] |
//! | to set the clock of its host | [`host_clock::HostClock`] |
//! | certificates of an authority of one's own | [`tls::Authority`] |
//! | a property of a parser held against odd inputs | [`fuzz::Target`] |
//! | a geo database | [`mmdb::countries`] |
//! | a database as full as the product must bear | [`seed::seed`] |
//! | an HTTP client that holds the server to `openapi.json` | [`openapi::ContractClient`] |
//!
//! Nothing here fakes a part that a real one can play, and nothing is left behind: children are stopped on drop, die
//! with the process that started them even if that one is killed, and what a killed test could not clean up is
//! cleaned up by the next.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    clippy::print_stderr,
    clippy::print_stdout,
    reason = "test tools: a failed expectation must end the test with its message, and the real clock is wanted"
)]

pub mod db;
pub mod failover;
pub mod fuzz;
pub mod host_clock;
pub mod hostile;
pub mod kubernetes;
pub mod mail;
pub mod mmdb;
pub mod openapi;
pub mod otlp;
pub mod pgbouncer;
pub mod postgres;
pub mod process;
pub mod prometheus;
pub mod proxy;
pub mod registry;
mod schema;
pub mod scripted;
pub mod seed;
mod spawn;
pub mod stack;
pub mod tls;
pub mod wait;

pub use db::TestDb;
pub use postgres::{PostgresConfig, PostgresServer, StopMode};
pub use wait::{eventually, eventually_blocking};

use std::path::PathBuf;

/// The root of the checkout this crate was built from.
pub fn workspace_root() -> PathBuf {
    let here = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    here.ancestors().nth(2).expect("deploy/testkit stands two levels below the root").to_path_buf()
}

/// Whether an ordinary user may do what is root's without being asked.
pub fn sudo() -> bool {
    let mut command = std::process::Command::new("sudo");
    command.args(["--non-interactive", "true"]).stdin(std::process::Stdio::null()).stderr(std::process::Stdio::null());
    command.status().is_ok_and(|status| status.success())
}

/// Removes a directory that engines in containers wrote to: as another user, whose files are root's to remove.
///
/// # Errors
/// The system's.
pub fn remove_dir(dir: &std::path::Path) -> std::io::Result<()> {
    match std::fs::remove_dir_all(dir) {
        Err(error) if error.kind() == std::io::ErrorKind::PermissionDenied && sudo() => {
            std::process::Command::new("sudo")
                .args(["--non-interactive", "rm", "-rf", "--"])
                .arg(dir)
                .status()
                .map(drop)
        }
        done => done,
    }
}

/// Cargo's target directory: `CARGO_TARGET_DIR`, or `target` at the workspace root.
pub fn target_dir() -> PathBuf {
    match std::env::var_os("CARGO_TARGET_DIR") {
        Some(dir) => workspace_root().join(dir),
        None => workspace_root().join("target"),
    }
}

/// Where the tools of this crate keep their files: `target/testkit`, made when missing.
pub fn state_dir() -> PathBuf {
    let dir = target_dir().join("testkit");
    std::fs::create_dir_all(&dir).expect("make target/testkit");
    dir
}
