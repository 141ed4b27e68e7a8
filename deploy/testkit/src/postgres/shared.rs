//! One server for all tests of this checkout.
//!
//! cargo-nextest runs each test in a process of its own, so a server inside the process would be started a thousand
//! times. Instead the first test that needs one starts it, in memory where that has room for it, else under
//! `target/testkit/postgres-<uid>`, and leaves it running; the next ones find it. Three files of that directory, locked
//! with `flock`, keep order, and since the kernel drops a dead process' locks, a killed test leaves no trace:
//!
//! * `users.lock` – every process that uses the server holds it shared as long as it lives;
//! * `start.lock` – held while looking for, or starting, the server;
//! * `guard.lock` – held by the guard, a few lines of `sh` that stop the server once nobody has held `users.lock` for
//!   two minutes. The guard that is gone is replaced by whoever comes next.
//!
//! On a disk the data stays (it holds the migrated template), and is thrown away when the server ended uncleanly: without
//! fsync it cannot be trusted then. In memory the guard takes it away with the server.

use std::fs::File;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::OnceLock;

use anyhow::{Context, Result};

use super::os_user::{self, OsUser};
use super::server::{postmaster_lives, postmaster_pid};
use super::{PostgresConfig, PostgresServer, SUPERUSER, memory};
use crate::spawn;

/// The variable that names a server to use instead of the shared one: a DSN without a database, such as
/// `postgres://postgres@127.0.0.1:5432`.
pub const SERVER_VARIABLE: &str = "GALAXY_TEST_POSTGRES";

/// How long the server stays when no test uses it.
const IDLE_SECONDS: u32 = 120;

struct Shared {
    base_dsn: String,
    /// Held shared for the life of this process: the guard sees that the server is in use.
    _in_use: Option<File>,
}

/// The DSN, without a database, of the server that tests use: [`SERVER_VARIABLE`], or the shared one, which is started
/// when it does not run. Blocks for up to some seconds at the first call in a process.
///
/// # Errors
/// When Postgres is not installed or does not start.
pub fn base_dsn() -> Result<String> {
    static SHARED: OnceLock<Result<Shared, String>> = OnceLock::new();
    let shared = SHARED.get_or_init(|| {
        if let Ok(dsn) = std::env::var(SERVER_VARIABLE)
            && !dsn.is_empty()
        {
            let base_dsn = dsn.trim_end_matches('/').to_owned();
            return Ok(Shared { base_dsn, _in_use: None });
        }
        join().map_err(|error| format!("{error:#}"))
    });
    match shared {
        Ok(shared) => Ok(shared.base_dsn.clone()),
        Err(error) => Err(anyhow::anyhow!("the shared test server: {error}")),
    }
}

fn join() -> Result<Shared> {
    let user = OsUser::for_server()?;
    let dir = dir(user)?;
    std::fs::create_dir_all(&dir)?;
    if let Some(user) = user {
        user.own(&dir)?;
    }
    let in_use = lock_file(&dir, "users.lock")?;
    in_use.lock_shared()?;
    let start = lock_file(&dir, "start.lock")?;
    start.lock()?;
    let port = match running_port(&dir) {
        Some(port) => port,
        None => start_server(&dir)?,
    };
    keep_guard(&dir, user)?;
    start.unlock()?;
    Ok(Shared { base_dsn: format!("postgres://{SUPERUSER}@127.0.0.1:{port}"), _in_use: Some(in_use) })
}

fn dir(user: Option<OsUser>) -> Result<PathBuf> {
    let wanted = crate::state_dir().join(format!("postgres-{}", nix::unistd::Uid::effective()));
    match memory::dir(&wanted, user) {
        Some(dir) => Ok(dir),
        None => os_user::reachable(&wanted, Path::new("/var/tmp/galaxy-testkit"), user),
    }
}

fn lock_file(dir: &Path, name: &str) -> Result<File> {
    let path = dir.join(name);
    File::options().create(true).append(true).open(&path).with_context(|| format!("open {}", path.display()))
}

/// The port of the server of `dir` when it runs and takes connections.
fn running_port(dir: &Path) -> Option<u16> {
    if !postmaster_lives(dir) {
        return None;
    }
    let text = std::fs::read_to_string(dir.join("data/postmaster.pid")).ok()?;
    let port: u16 = text.lines().nth(3)?.trim().parse().ok()?;
    std::net::TcpStream::connect(("127.0.0.1", port)).ok().map(|_| port)
}

fn start_server(dir: &Path) -> Result<u16> {
    let data = dir.join("data");
    let config = PostgresConfig { dir: Some(dir.to_path_buf()), dies_with_us: false, ..PostgresConfig::default() };
    if postmaster_pid(dir).is_some() {
        // It did not end in order, and it ran without fsync.
        wait_until_gone(dir);
        std::fs::remove_dir_all(&data).context("remove the data of a server that crashed")?;
    }
    let _ = std::fs::remove_file(dir.join("postgres.log"));
    let server = match PostgresServer::start(config.clone()) {
        Ok(server) => server,
        // Made by another version, or damaged: test data is worth nothing, so a second try from nothing.
        Err(_) if data.exists() => {
            std::fs::remove_dir_all(&data).context("remove data that does not start")?;
            PostgresServer::start(config)?
        }
        Err(error) => return Err(error),
    };
    let port = server.port();
    server.leave_running();
    Ok(port)
}

/// Waits for a server that is on its way down. One that hangs is left to fail the start, loudly.
fn wait_until_gone(dir: &Path) {
    crate::wait::eventually_blocking(std::time::Duration::from_secs(30), "the old shared server ends", || {
        !postmaster_lives(dir)
    });
}

fn keep_guard(dir: &Path, user: Option<OsUser>) -> Result<()> {
    let lock = lock_file(dir, "guard.lock")?;
    if lock.try_lock().is_err() {
        return Ok(()); // a guard holds it
    }
    lock.unlock()?;
    let flock = spawn::find_in_path("flock").context("`flock` is missing: apt-get install -y util-linux")?;
    let mut command = spawn::alone(Path::new("/bin/sh"));
    command.arg("-c").arg(GUARD).arg("galaxy-postgres-guard").arg(flock).arg(IDLE_SECONDS.to_string());
    command.current_dir(dir).process_group(0);
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    if let Some(user) = user {
        user.drop_to(&mut command);
    }
    spawn::spawn(command).context("start the guard")?;
    Ok(())
}

/// Runs in the server's directory. `$1` is flock(1), `$2` the idle limit in seconds.
const GUARD: &str = r#"
trap '' HUP INT
exec 9<guard.lock
"$1" --nonblock 9 || exit 0
idle=0
while [ -s data/postmaster.pid ]; do
  if "$1" --nonblock --exclusive users.lock true; then idle=$((idle + 5)); else idle=0; fi
  if [ "$idle" -ge "$2" ]; then
    exec 8<users.lock
    if "$1" --nonblock --exclusive 8; then
      kill -INT "$(head -n 1 data/postmaster.pid)"
      tries=0
      while [ -s data/postmaster.pid ] && [ "$tries" -lt 60 ]; do sleep 1; tries=$((tries + 1)); done
      case "$PWD" in /dev/shm/*) [ -s data/postmaster.pid ] || rm -rf data ;; esac
      exit 0
    fi
    exec 8<&-
    idle=0
  fi
  sleep 5
done
"#;

/// The log of the shared server.
///
/// # Errors
/// When the user that Postgres runs as cannot be looked up.
pub fn log_file() -> Result<PathBuf> {
    Ok(dir(OsUser::for_server()?)?.join("postgres.log"))
}
