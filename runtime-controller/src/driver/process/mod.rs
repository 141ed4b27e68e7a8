//! Engines as child processes on loopback, for a machine without Docker. **No isolation whatsoever**: an engine runs as
//! our own user. It is said loudly at start.
//!
//! An engine outlives its controller: it has a process group of its own, and the next controller finds it again. What
//! proves that there is never a second one on the same state is a lock (`flock`) on a file that the engine holds as its
//! standard input: the kernel gives it back when the engine is dead, and not before, however it or a controller died.
//!
//! In `BACKEND_GAME_STATE_ROOT/.process/<game_id>/`: `lock`, `engine.json` (pid, start time, boot, port), `engine.log`.

mod proc;
mod record;

use std::cell::OnceCell;
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read as _, Seek as _, SeekFrom};
use std::net::{Ipv4Addr, TcpListener};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use async_trait::async_trait;
use futures::stream::BoxStream;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use shared::config::DriverKind;
use shared::db::runtime::PinnedImage;
use shared::ids::GameId;
use shared::random::Random;
use tokio::time::{Instant, sleep};

use self::proc::Running;
use self::record::Record;
use super::log::{LOG_BYTES, Tail};
use super::{Copies, Doing, Driver, DriverError, EngineSpec, Listed, Observed, Progress, Snapshots, container_name};
use crate::config::Config;

/// How often a process that should appear or go is looked for.
const STEP: Duration = Duration::from_millis(20);
/// How long another controller may take to write down the engine that it just started.
const OTHERS_START: Duration = Duration::from_secs(5);
/// How long processes may take to be gone that were killed.
const KILLED_WITHIN: Duration = Duration::from_secs(5);
/// An engine's log is started anew beyond this size, at its next start.
const LOG_LIMIT: u64 = 10 << 20;

/// The process driver.
#[derive(Debug)]
pub struct ProcessDriver {
    state_root: PathBuf,
    stop_grace: Duration,
    random: Random,
}

impl ProcessDriver {
    /// A driver over `BACKEND_GAME_STATE_ROOT`.
    #[must_use]
    pub fn new(config: &Config, random: Random) -> Self {
        Self { state_root: config.state_root.clone(), stop_grace: config.stop_grace, random }
    }

    fn base(&self) -> PathBuf {
        self.state_root.join(".process")
    }

    fn dir(&self, game_id: GameId) -> PathBuf {
        self.base().join(game_id.to_string())
    }

    fn state_dir(&self, game_id: GameId) -> PathBuf {
        self.state_root.join(game_id.to_string())
    }

    fn key(&self, game_id: GameId) -> proc::Key {
        (game_id.to_string(), self.state_dir(game_id).to_string_lossy().into_owned())
    }

    /// Ends what an engine that is gone has left running: it would hold the engine's lock, and its port. Answers whether nothing was.
    fn sweep(&self, game_id: GameId) -> bool {
        let left = proc::descendants(&self.key(game_id));
        left.iter().for_each(|pid| signal(*pid, Signal::SIGKILL));
        left.is_empty()
    }

    /// The engine that runs now, whoever started it. The record is quick; without a true one the process table decides, which is looked
    /// at once for all who share `table`.
    fn alive(&self, game_id: GameId, table: &OnceCell<Running>) -> Option<Record> {
        let recorded = Record::read(&self.dir(game_id));
        if let Some(record) = recorded.as_ref().filter(|record| record.is_alive()) {
            return Some(record.clone());
        }
        // A controller that died between starting an engine and writing it down leaves no record, or an old one.
        let found = table.get_or_init(proc::running).get(&self.key(game_id))?;
        let fingerprint = recorded.map(|record| record.fingerprint).unwrap_or_default();
        let record = Record {
            pid: found.pid,
            start_time: found.start_time,
            boot_id: proc::boot_id(),
            port: found.port,
            fingerprint,
        };
        if let Err(error) = record.write(&self.dir(game_id)) {
            tracing::warn!(%game_id, error = &error as &dyn std::error::Error, "an engine that was found could not be written down");
        }
        Some(record)
    }

    fn observe(&self, game_id: GameId, table: &OnceCell<Running>) -> Option<Observed> {
        let alive = self.alive(game_id, table);
        let known = alive.clone().or_else(|| Record::read(&self.dir(game_id)))?;
        Some(Observed {
            container_id: container_name(game_id),
            running: alive.is_some(),
            endpoint: alive.as_ref().map(|record| format!("http://127.0.0.1:{}", record.port)),
            fingerprint: known.fingerprint,
            ended: alive.is_none().then(|| "its process is gone".to_owned()),
        })
    }

    /// Starts the engine under the lock; `Ok(None)` where somebody else holds it.
    fn spawn(&self, spec: &EngineSpec) -> Result<Option<Record>, DriverError> {
        let dir = self.dir(spec.game_id);
        let lock = open(&dir.join("lock"), false).map_err(|error| failed("lock", &error))?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Ok(None),
            Err(TryLockError::Error(error)) => return Err(failed("lock", &error)),
        }
        let log = open_log(&dir.join("engine.log")).map_err(|error| failed("engine.log", &error))?;
        let errors = log.try_clone().map_err(|error| failed("engine.log", &error))?;
        let port = free_port().map_err(|error| failed("a free port", &error))?;
        let mut command = tokio::process::Command::new(&spec.image);
        command.env_clear();
        // What an image would have from its ENV lines: the engine's own settings.
        command.envs(std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("GALAXY_")));
        command
            .env("GALAXY_GAME_ID", spec.game_id.to_string())
            .env("GALAXY_STATE_DIR", self.state_dir(spec.game_id))
            .env("GALAXY_ENGINE_TOKEN", spec.token.expose())
            .env("GALAXY_LISTEN_ADDR", format!("127.0.0.1:{port}"))
            .current_dir("/")
            // The lock goes on to the engine and stays with it.
            .stdin(Stdio::from(lock))
            .stdout(Stdio::from(log))
            .stderr(Stdio::from(errors))
            // Ctrl-C in our terminal is not for engines.
            .process_group(0)
            .kill_on_drop(false);
        let child = command.spawn().map_err(|error| failed(&spec.image, &error))?;
        let pid = child.id();
        // Dropped, the child is reaped by tokio when it ends.
        drop(child);
        let fingerprint = self.fingerprint(spec);
        let record = match pid.and_then(|pid| Some((pid, proc::start_time(pid)?))) {
            Some((pid, start_time)) => Record { pid, start_time, boot_id: proc::boot_id(), port, fingerprint },
            // It ended at once: started all the same, as a container would be that exits. Its log says why.
            None => Record::not_started(fingerprint),
        };
        record.write(&dir).map_err(|error| failed("engine.json", &error))?;
        Ok(Some(record))
    }
}

/// An error means that it is gone already.
fn signal(pid: u32, kind: Signal) {
    if let Ok(pid) = i32::try_from(pid) {
        let _ = kill(Pid::from_raw(pid), kind);
    }
}

#[async_trait]
impl Driver for ProcessDriver {
    fn name(&self) -> &'static str {
        DriverKind::Process.as_str()
    }

    fn fingerprint(&self, spec: &EngineSpec) -> String {
        spec.fingerprint("process")
    }

    /// The state directory is what lasts, through restarts of controller and machine: its id is the daemon's.
    async fn daemon_id(&self) -> Result<String, DriverError> {
        let unavailable =
            |error: std::io::Error| DriverError::Unavailable(format!("{}: {error}", self.state_root.display()));
        let base = self.base();
        private_dir(&self.state_root).and_then(|()| private_dir(&base)).map_err(unavailable)?;
        let id = record::daemon_id(&base, &self.random).map_err(unavailable)?;
        Ok(format!("process:{id}"))
    }

    async fn fetch(
        &self,
        image: &str,
        _: Option<&PinnedImage>,
        _: &dyn Progress,
    ) -> Result<Option<PinnedImage>, DriverError> {
        let wrong = |reason: String| DriverError::Image { reason, passing: false };
        if !Path::new(image).is_absolute() {
            return Err(wrong(format!(
                "with the process driver an image is the absolute path of a binary, not {image:?}"
            )));
        }
        match std::fs::metadata(image) {
            Ok(meta) if meta.is_file() && meta.permissions().mode() & 0o111 != 0 => Ok(None),
            Ok(_) => Err(wrong(format!("{image} is not an executable file"))),
            Err(error) => Err(wrong(format!("{image}: {error}"))),
        }
    }

    async fn inspect(&self, game_id: GameId) -> Result<Option<Observed>, DriverError> {
        Ok(self.observe(game_id, &OnceCell::new()))
    }

    async fn create(&self, spec: &EngineSpec) -> Result<String, DriverError> {
        let made = private_dir(&self.dir(spec.game_id)).and_then(|()| private_dir(&self.state_dir(spec.game_id)));
        made.map_err(|error| DriverError::Config(format!("{}: {error}", self.state_root.display())))?;
        if self.alive(spec.game_id, &OnceCell::new()).is_none() {
            let record = Record::not_started(self.fingerprint(spec));
            record.write(&self.dir(spec.game_id)).map_err(|error| failed("engine.json", &error))?;
        }
        Ok(container_name(spec.game_id))
    }

    async fn start(&self, spec: &EngineSpec) -> Result<(), DriverError> {
        let limit = Instant::now() + OTHERS_START;
        loop {
            if self.alive(spec.game_id, &OnceCell::new()).is_some() {
                return Ok(());
            }
            // Whoever still holds the lock then is an engine that another controller has just started.
            if self.sweep(spec.game_id) && self.spawn(spec)?.is_some() {
                return Ok(());
            }
            if Instant::now() >= limit {
                return Err(DriverError::Failed("a process that cannot be found holds the engine's lock".to_owned()));
            }
            sleep(STEP).await;
        }
    }

    async fn remove(&self, game_id: GameId) -> Result<(), DriverError> {
        if let Some(record) = self.alive(game_id, &OnceCell::new()) {
            for (kind, patience) in [(Signal::SIGTERM, self.stop_grace), (Signal::SIGKILL, KILLED_WITHIN)] {
                signal(record.pid, kind);
                let limit = Instant::now() + patience;
                while record.is_alive() && Instant::now() < limit {
                    sleep(STEP).await;
                }
            }
            if record.is_alive() {
                return Err(DriverError::Failed(format!("the engine's process {} does not end", record.pid)));
            }
        }
        let limit = Instant::now() + KILLED_WITHIN;
        while !self.sweep(game_id) {
            if Instant::now() >= limit {
                return Err(DriverError::Failed("what the engine started does not end".to_owned()));
            }
            sleep(STEP).await;
        }
        Record::remove(&self.dir(game_id)).map_err(|error| failed("engine.json", &error))
    }

    async fn list(&self) -> Result<Vec<Listed>, DriverError> {
        let entries = match std::fs::read_dir(self.base()) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
            entries => entries.map_err(|error| DriverError::Unavailable(error.to_string()))?,
        };
        let table = OnceCell::new();
        let entries = entries.flatten().filter_map(|entry| {
            let game_id = entry.file_name().to_str()?.parse::<GameId>().ok()?;
            let observed = self.observe(game_id, &table)?;
            Some(Listed {
                game_id,
                container_id: observed.container_id,
                doing: if observed.running { Doing::Runs } else { Doing::Ended },
                endpoint: observed.endpoint,
                said: observed.ended.unwrap_or_else(|| "running".to_owned()),
                stray: false,
            })
        });
        Ok(entries.collect())
    }

    /// Nobody tells us when a process ends that may be another controller's child.
    async fn changes(
        &self,
        _: Option<i64>,
    ) -> Result<Option<BoxStream<'static, Result<i64, DriverError>>>, DriverError> {
        Ok(None)
    }

    fn addresses_move(&self) -> bool {
        true
    }

    async fn log(&self, game_id: GameId, lines: usize) -> Result<Option<Vec<String>>, DriverError> {
        let mut log = match File::open(self.dir(game_id).join("engine.log")) {
            Ok(log) => log,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(failed("engine.log", &error)),
        };
        let limit = u64::try_from(LOG_BYTES).unwrap_or(u64::MAX);
        let mut read = || {
            let from = log.metadata()?.len().saturating_sub(limit);
            log.seek(SeekFrom::Start(from))?;
            let mut bytes = Vec::new();
            (&log).take(limit).read_to_end(&mut bytes)?;
            let mut tail = Tail::new(from > 0);
            tail.push(&bytes);
            Ok(tail.lines(lines))
        };
        read().map(Some).map_err(|error| failed("engine.log", &error))
    }

    fn snapshots(&self) -> Box<dyn Copies> {
        Box::new(Snapshots::new(self.state_root.clone()))
    }
}

fn failed(what: &str, error: &std::io::Error) -> DriverError {
    DriverError::Failed(format!("{what}: {error}"))
}

/// Makes a directory for us alone, and its parents.
fn private_dir(dir: &Path) -> std::io::Result<()> {
    use std::os::unix::fs::DirBuilderExt as _;
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(dir)
}

fn open(path: &Path, append: bool) -> std::io::Result<File> {
    use std::os::unix::fs::OpenOptionsExt as _;
    OpenOptions::new().read(true).write(true).append(append).create(true).truncate(false).mode(0o600).open(path)
}

fn open_log(path: &Path) -> std::io::Result<File> {
    let log = open(path, true)?;
    if log.metadata()?.len() > LOG_LIMIT {
        log.set_len(0)?;
    }
    Ok(log)
}

/// A port that is free now. Should another take it first, the engine ends and the attempt is made again with another.
fn free_port() -> std::io::Result<u16> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port())
}
