//! PgBouncer in front of a server, as operators set it up.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, bail};

use crate::postgres::OsUser;
use crate::spawn;

/// What a client keeps its server for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PoolMode {
    /// As long as it is connected.
    Session,
    /// A transaction.
    Transaction,
}

/// A running PgBouncer; ended and removed when dropped.
#[derive(Debug)]
pub struct PgBouncer {
    addr: SocketAddr,
    dir: PathBuf,
    child: Child,
}

impl PgBouncer {
    /// Starts one in front of a server on loopback whose superuser `postgres` is trusted. It drops what it does not know of a
    /// connection's start (`ignore_startup_parameters`), as everybody has it set: the schema must be pinned on the role or the
    /// database.
    ///
    /// # Errors
    /// When it is not installed (with the command that installs it), or does not start (with what it said).
    pub fn start(upstream: SocketAddr, mode: PoolMode) -> Result<PgBouncer> {
        let program = spawn::find_in_path("pgbouncer")
            .context("`pgbouncer` is missing: apt-get install -y --no-install-recommends pgbouncer")?;
        let addr = crate::process::free_addr();
        let dir = std::env::temp_dir().join(format!("galaxy-pgbouncer-{}-{}", std::process::id(), addr.port()));
        std::fs::create_dir(&dir).with_context(|| dir.display().to_string())?;
        let mode = match mode {
            PoolMode::Session => "session",
            PoolMode::Transaction => "transaction",
        };
        // Off by default until 1.24; older ones do not know it.
        let statements = if Self::prepares()? && mode == "transaction" { "max_prepared_statements = 0\n" } else { "" };
        let ini = dir.join("pgbouncer.ini");
        std::fs::write(
            &ini,
            format!(
                "[databases]\n* = host={} port={} user=postgres\n[pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = {}\n\
                 auth_type = any\npool_mode = {mode}\ndefault_pool_size = 40\nmax_client_conn = 400\n\
                 ignore_startup_parameters = extra_float_digits,options\nunix_socket_dir =\n{statements}",
                upstream.ip(),
                upstream.port(),
                addr.port(),
            ),
        )?;
        let mut command = spawn::dying_with_us(&program, "KILL");
        command.arg(&ini).stdin(Stdio::null()).stdout(Stdio::null());
        command.stderr(std::fs::File::create(dir.join("log"))?);
        // It does not run as root either.
        if let Some(user) = OsUser::for_server()? {
            for path in [&dir, &ini] {
                user.own(path)?;
            }
            user.drop_to(&mut command);
        }
        let mut bouncer = PgBouncer { addr, dir, child: spawn::spawn(command).context("start pgbouncer")? };
        let end = std::time::Instant::now() + Duration::from_secs(20);
        while std::net::TcpStream::connect(addr).is_err() {
            let ended = bouncer.child.try_wait()?;
            if ended.is_some() || std::time::Instant::now() > end {
                let said = std::fs::read_to_string(bouncer.dir.join("log")).unwrap_or_default();
                bail!("pgbouncer does not listen ({ended:?}):\n{said}");
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        Ok(bouncer)
    }

    /// Where to connect instead of to the server.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// Whether it can keep prepared statements in transaction mode: from 1.21 on.
    fn prepares() -> Result<bool> {
        let program = spawn::find_in_path("pgbouncer").context("`pgbouncer` is missing")?;
        let said = Command::new(program).arg("--version").output()?.stdout;
        let said = String::from_utf8_lossy(&said).into_owned();
        let mut version = said.split_whitespace().nth(1).unwrap_or_default().split('.').map(str::parse::<u32>);
        Ok(matches!((version.next(), version.next()), (Some(Ok(major)), Some(Ok(minor))) if (major, minor) >= (1, 21)))
    }
}

impl Drop for PgBouncer {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        let _ = std::fs::remove_dir_all(&self.dir);
    }
}
