//! One server in one directory.

use std::fs::File;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::os_user::{self, OsUser};
use super::{SUPERUSER, program};
use crate::spawn;

const START_LIMIT: Duration = Duration::from_secs(60);
const STOP_LIMIT: Duration = Duration::from_secs(60);

/// How a [`PostgresServer`] is set up.
#[derive(Debug, Clone)]
pub struct PostgresConfig {
    /// The directory of the server (it holds `data/` and `postgres.log`). `None`: a temporary one, removed at the end.
    pub dir: Option<PathBuf>,
    /// The TCP port on 127.0.0.1; `None` takes a free one.
    pub port: Option<u16>,
    /// Whether commits are flushed to disk. Off for tests: what was committed survives a crash of Postgres even so, but
    /// not one of the machine. A server whose data somebody wants back needs it on.
    pub durable: bool,
    /// `max_connections`.
    pub max_connections: u32,
    /// The superuser's password (scram-sha-256). `None`: everybody on loopback is trusted, for tests only.
    pub password: Option<String>,
    /// Further settings, as `name`, `value`.
    pub settings: Vec<(String, String)>,
    /// Whether the server is stopped when our process dies, however it dies.
    pub dies_with_us: bool,
}

impl Default for PostgresConfig {
    /// For tests: temporary, no flushing, 300 connections, no password.
    fn default() -> Self {
        PostgresConfig {
            dir: None,
            port: None,
            durable: false,
            max_connections: 500,
            password: None,
            settings: Vec::new(),
            dies_with_us: true,
        }
    }
}

impl PostgresConfig {
    /// For a server that is to keep its data, in `dir`: commits are flushed, and the data is there at the next start.
    pub fn persistent(dir: impl Into<PathBuf>) -> Self {
        PostgresConfig { dir: Some(dir.into()), durable: true, ..PostgresConfig::default() }
    }
}

/// How a server is ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StopMode {
    /// Open transactions are rolled back, a checkpoint is written (SIGINT).
    Fast,
    /// As if the server process were killed: the next start recovers from the log (SIGQUIT).
    Immediate,
}

/// A Postgres server of our own, on 127.0.0.1. Stopped on drop; a temporary one leaves nothing behind.
///
/// The calls block for up to some seconds; in async code wrap them in `tokio::task::spawn_blocking` when other tasks
/// of that runtime must go on meanwhile.
#[derive(Debug)]
pub struct PostgresServer {
    pub(super) config: PostgresConfig,
    pub(super) dir: PathBuf,
    pub(super) bin: PathBuf,
    pub(super) user: Option<OsUser>,
    pub(super) port: u16,
    pub(super) child: Option<Child>,
}

impl PostgresServer {
    /// Makes the data directory if there is none, starts the server and waits until it takes connections.
    ///
    /// # Errors
    /// When the programs are missing (with the command that installs them), when the directory belongs to a server of
    /// another major version or to one that runs, or when it does not start (with the end of its log).
    pub fn start(config: PostgresConfig) -> Result<PostgresServer> {
        let (version, bin) = program::bin_dir()?;
        let user = OsUser::for_server()?;
        let dir = match &config.dir {
            Some(dir) => os_user::reachable(dir, Path::new("/var/lib/galaxy-postgres"), user)?,
            None => new_temp_dir(user)?,
        };
        let mut server = PostgresServer { config, dir, bin, user, port: 0, child: None };
        server.init(version)?;
        server.run_on_a_port()?;
        Ok(server)
    }

    /// Starts a stopped server again, on the same port.
    ///
    /// # Errors
    /// When it does not start.
    pub fn start_again(&mut self) -> Result<()> {
        if self.is_running() {
            bail!("the server on port {} runs already", self.port);
        }
        self.run()
    }

    /// Ends the server and waits until it is gone. Nothing happens when it is stopped already.
    ///
    /// # Errors
    /// When it does not end within a minute; it is then killed.
    pub fn stop(&mut self, mode: StopMode) -> Result<()> {
        let Some(mut child) = self.child.take() else { return Ok(()) };
        let signal = match mode {
            StopMode::Fast => Signal::SIGINT,
            StopMode::Immediate => Signal::SIGQUIT,
        };
        if child.try_wait()?.is_some() {
            return Ok(());
        }
        kill(pid_of(&child), signal).context("signal the postmaster")?;
        let end = Instant::now() + STOP_LIMIT;
        while child.try_wait()?.is_none() {
            if Instant::now() >= end {
                let _ = kill(pid_of(&child), Signal::SIGKILL);
                let _ = child.wait();
                bail!("Postgres in {} did not stop within {STOP_LIMIT:?}; killed", self.dir.display());
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        Ok(())
    }

    /// [`stop`](Self::stop), then [`start_again`](Self::start_again).
    ///
    /// # Errors
    /// As those two.
    pub fn restart(&mut self, mode: StopMode) -> Result<()> {
        self.stop(mode)?;
        self.start_again()
    }

    /// The DSN of a database on this server, as its superuser.
    pub fn dsn(&self, database: &str) -> String {
        format!("{}/{database}", self.base_dsn())
    }

    /// The DSN without a database: `postgres://postgres@127.0.0.1:<port>`.
    pub fn base_dsn(&self) -> String {
        match &self.config.password {
            Some(password) => format!("postgres://{SUPERUSER}:{password}@127.0.0.1:{}", self.port),
            None => format!("postgres://{SUPERUSER}@127.0.0.1:{}", self.port),
        }
    }

    /// The port on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The postmaster's process id, while it runs.
    pub fn pid(&self) -> Option<u32> {
        self.child.as_ref().map(Child::id)
    }

    /// The directory really used: not the one asked for when the server's user cannot reach that.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// The server's log.
    pub fn log_file(&self) -> PathBuf {
        self.dir.join("postgres.log")
    }

    /// Whether the postmaster lives.
    pub fn is_running(&mut self) -> bool {
        matches!(self.child.as_mut().map(Child::try_wait), Some(Ok(None)))
    }

    /// Leaves the server running for somebody else to stop; gives its process id. Nothing is removed on drop.
    pub(crate) fn leave_running(mut self) -> Option<u32> {
        self.config.dir.get_or_insert_default();
        self.child.take().map(|child| child.id())
    }

    pub(super) fn data_dir(&self) -> PathBuf {
        self.dir.join("data")
    }

    fn init(&self, version: u32) -> Result<()> {
        std::fs::create_dir_all(&self.dir).with_context(|| format!("make {}", self.dir.display()))?;
        if let Some(user) = self.user {
            user.own(&self.dir)?;
        }
        let data = self.data_dir();
        if let Ok(found) = std::fs::read_to_string(data.join("PG_VERSION")) {
            if found.trim() != version.to_string() {
                bail!(
                    "{} was made by Postgres {}, the installed one is {version}: move it away",
                    data.display(),
                    found.trim()
                );
            }
            return self.demand_password();
        }
        // A directory without PG_VERSION is what an interrupted initdb leaves.
        if data.exists() {
            std::fs::remove_dir_all(&data).with_context(|| format!("remove the unfinished {}", data.display()))?;
        }
        let mut command = self.command(Command::new(self.bin.join("initdb")));
        command.arg("--pgdata").arg(&data).args(["--username", SUPERUSER, "--encoding", "UTF8"]);
        command.args(["--locale", "C.UTF-8", "--no-sync", "--no-instructions"]);
        let password_file = self.dir.join("initial-password");
        match &self.config.password {
            None => {
                command.args(["--auth", "trust"]);
            }
            Some(password) => {
                write_private(&password_file, password)?;
                if let Some(user) = self.user {
                    user.own(&password_file)?;
                }
                command.args(["--auth", "scram-sha-256", "--pwfile"]).arg(&password_file);
            }
        }
        let output = command.output().context("run initdb");
        let _ = std::fs::remove_file(&password_file);
        let output = output?;
        if !output.status.success() {
            bail!("initdb in {}: {}", data.display(), String::from_utf8_lossy(&output.stderr).trim());
        }
        Ok(())
    }

    /// Data that was made without a password gets one, and nobody is let in without it any more.
    fn demand_password(&self) -> Result<()> {
        let Some(password) = &self.config.password else { return Ok(()) };
        let rules = self.data_dir().join("pg_hba.conf");
        let trusting =
            |line: &str| !line.trim_start().starts_with('#') && line.split_whitespace().any(|w| w == "trust");
        if !std::fs::read_to_string(&rules).context("read pg_hba.conf")?.lines().any(trusting) {
            return Ok(());
        }
        let mut single = self.command(Command::new(self.bin.join("postgres")));
        single.arg("--single").arg("-D").arg(self.data_dir()).arg("postgres");
        let mut single = single.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn()?;
        let mut stdin = single.stdin.take().context("a pipe to postgres --single")?;
        std::io::Write::write_all(
            &mut stdin,
            format!("ALTER ROLE {SUPERUSER} PASSWORD '{}'\n", password.replace('\'', "''")).as_bytes(),
        )?;
        drop(stdin);
        let output = single.wait_with_output()?;
        if !output.status.success() {
            bail!("set the superuser's password: {}", String::from_utf8_lossy(&output.stderr).trim());
        }
        write_private(&rules, "host all all 127.0.0.1/32 scram-sha-256\n")?;
        self.user.map_or(Ok(()), |user| user.own(&rules))
    }

    pub(super) fn run_on_a_port(&mut self) -> Result<()> {
        if let Some(port) = self.config.port {
            self.port = port;
            return self.run();
        }
        // Between our look and Postgres' bind somebody else may take the port: then another one is tried.
        let mut failure = None;
        for _ in 0..5 {
            self.port = TcpListener::bind(("127.0.0.1", 0))?.local_addr()?.port();
            match self.run() {
                Ok(()) => return Ok(()),
                Err(error) if format!("{error:#}").contains("Address already in use") => failure = Some(error),
                Err(error) => return Err(error),
            }
        }
        Err(failure.unwrap_or_else(|| anyhow::anyhow!("no free port")))
    }

    fn run(&mut self) -> Result<()> {
        let log = File::options().create(true).append(true).open(self.log_file())?;
        let log_start = log.metadata()?.len();
        let postgres = self.bin.join("postgres");
        let mut command = self.command(if self.config.dies_with_us {
            spawn::dying_with_us(&postgres, "INT")
        } else {
            spawn::alone(&postgres)
        });
        command.arg("-D").arg(self.data_dir());
        for (name, value) in self.settings() {
            command.arg("-c").arg(format!("{name}={value}"));
        }
        // A group of its own: Ctrl-C in a terminal is for us, and we stop the server in order.
        std::os::unix::process::CommandExt::process_group(&mut command, 0);
        command.stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log);
        let mut child = spawn::spawn(command).context("start postgres")?;
        let end = Instant::now() + START_LIMIT;
        loop {
            if let Some(status) = child.try_wait()? {
                bail!("Postgres ended at start ({status}):\n{}", self.log_since(log_start));
            }
            if self.says_ready(child.id()) {
                self.child = Some(child);
                return Ok(());
            }
            if Instant::now() >= end {
                let _ = kill(pid_of(&child), Signal::SIGQUIT);
                let _ = child.wait();
                bail!("Postgres was not ready within {START_LIMIT:?}:\n{}", self.log_since(log_start));
            }
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    fn settings(&self) -> Vec<(String, String)> {
        let durable = if self.config.durable { "on" } else { "off" };
        let mut settings: Vec<(String, String)> = [
            ("port", self.port.to_string()),
            ("listen_addresses", "127.0.0.1".to_owned()),
            // TCP alone: the path of a socket in a deep checkout would exceed the 107 bytes that sockets allow.
            ("unix_socket_directories", String::new()),
            ("max_connections", self.config.max_connections.to_string()),
            ("fsync", durable.to_owned()),
            ("full_page_writes", durable.to_owned()),
            ("shared_buffers", "64MB".to_owned()),
            ("max_wal_size", "512MB".to_owned()),
            ("log_line_prefix", "%m [%p] %d ".to_owned()),
            ("timezone", "UTC".to_owned()),
        ]
        .map(|(name, value)| (name.to_owned(), value))
        .to_vec();
        settings.extend(self.config.settings.iter().cloned());
        settings
    }

    /// `postmaster.pid` holds the state in its eighth line; `pg_ctl` looks at the same place. A standby that takes connections says
    /// `standby`.
    fn says_ready(&self, pid: u32) -> bool {
        let Ok(text) = std::fs::read_to_string(self.data_dir().join("postmaster.pid")) else { return false };
        let mut lines = text.lines();
        lines.next() == Some(&pid.to_string())
            && lines.nth(6).is_some_and(|state| matches!(state.trim(), "ready" | "standby"))
    }

    fn log_since(&self, start: u64) -> String {
        let text = std::fs::read(self.log_file()).unwrap_or_default();
        let new = text.get(usize::try_from(start).unwrap_or(0)..).unwrap_or_default();
        let new = String::from_utf8_lossy(new);
        let lines: Vec<_> = new.lines().collect();
        lines[lines.len().saturating_sub(20)..].join("\n")
    }

    pub(super) fn command(&self, mut command: Command) -> Command {
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().starts_with("PG") {
                command.env_remove(name);
            }
        }
        command.env("LC_ALL", "C.UTF-8").current_dir(&self.dir);
        if let Some(user) = self.user {
            user.drop_to(&mut command);
        }
        command
    }
}

impl Drop for PostgresServer {
    fn drop(&mut self) {
        let temporary = self.config.dir.is_none();
        // Nobody will read a temporary server's data again, so it need not write a checkpoint.
        let _ = self.stop(if temporary { StopMode::Immediate } else { StopMode::Fast });
        if temporary {
            let _ = std::fs::remove_dir_all(&self.dir);
        }
    }
}

fn pid_of(child: &Child) -> Pid {
    Pid::from_raw(i32::try_from(child.id()).expect("a process id fits"))
}

fn write_private(path: &Path, text: &str) -> Result<()> {
    use std::io::Write;
    use std::os::unix::fs::OpenOptionsExt;
    let _ = std::fs::remove_file(path);
    let mut file = File::options().write(true).create_new(true).mode(0o600).open(path)?;
    file.write_all(text.as_bytes())?;
    Ok(())
}

const TEMP_PREFIX: &str = "galaxy-postgres-";

/// A fresh directory under the system's temporary one; those of processes that were killed are removed on the way.
pub(super) fn new_temp_dir(user: Option<OsUser>) -> Result<PathBuf> {
    static NEXT: std::sync::atomic::AtomicU32 = std::sync::atomic::AtomicU32::new(0);
    let parent = std::env::temp_dir();
    for entry in std::fs::read_dir(&parent).into_iter().flatten().flatten() {
        let name = entry.file_name();
        let Some(rest) = name.to_str().and_then(|name| name.strip_prefix(TEMP_PREFIX)) else { continue };
        let Some((tag, _)) = rest.rsplit_once('_') else { continue };
        if !spawn::tag_is_alive(tag) && !postmaster_lives(&entry.path()) {
            let _ = std::fs::remove_dir_all(entry.path());
        }
    }
    let number = NEXT.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
    let dir = parent.join(format!("{TEMP_PREFIX}{}_{number}", spawn::self_tag()));
    os_user::reachable(&dir, Path::new("/var/tmp"), user)
}

/// Whether the server of `dir` still runs, by its `postmaster.pid`.
pub(super) fn postmaster_lives(dir: &Path) -> bool {
    postmaster_pid(dir).is_some_and(|pid| spawn::start_time(pid).is_some())
}

/// The process id in the server's `postmaster.pid`, whether it lives or not.
pub(super) fn postmaster_pid(dir: &Path) -> Option<u32> {
    std::fs::read_to_string(dir.join("data/postmaster.pid")).ok()?.lines().next()?.parse().ok()
}
