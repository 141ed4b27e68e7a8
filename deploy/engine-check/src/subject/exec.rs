//! An engine as a child process.

use std::ffi::OsString;
use std::fs::File;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;

use super::{STEP, empty_dir, tail};
use crate::address::own_address;

/// How long a killed process may take to be gone.
const GONE: Duration = Duration::from_secs(10);

#[derive(Debug)]
pub(super) struct Program {
    command: Vec<OsString>,
    /// Holds `state` and `log`; goes with us.
    dir: tempfile::TempDir,
    state: PathBuf,
    child: Option<Child>,
}

impl Program {
    pub(super) fn new(command: Vec<OsString>, below: Option<&Path>) -> Result<Self> {
        if command.is_empty() {
            bail!("no program is named");
        }
        let dir = empty_dir(below)?;
        let state = dir.path().join("state");
        std::fs::create_dir(&state).context("make the state directory")?;
        Ok(Self { command, dir, state, child: None })
    }

    pub(super) fn name(&self) -> String {
        self.command.iter().map(|word| word.to_string_lossy()).collect::<Vec<_>>().join(" ")
    }

    pub(super) fn state_dir(&self) -> &Path {
        &self.state
    }

    pub(super) fn start(&mut self, game_id: &str, token: &str) -> Result<String> {
        let address = own_address()?;
        let log = File::options().create(true).append(true).open(self.dir.path().join("log"))?;
        let (program, arguments) = self.command.split_first().context("no program is named")?;
        let mut command = Command::new(program);
        command.args(arguments).env_clear();
        // As the process driver does, and `PATH` beside, which an image has too: whoever tests a script names its interpreter.
        let passed = |name: &str| name.starts_with("GALAXY_") || name == "PATH";
        command.envs(std::env::vars_os().filter(|(name, _)| passed(&name.to_string_lossy())));
        command
            .env("GALAXY_GAME_ID", game_id)
            .env("GALAXY_STATE_DIR", &self.state)
            .env("GALAXY_ENGINE_TOKEN", token)
            .env("GALAXY_LISTEN_ADDR", address.to_string())
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            // Killed as a whole: a script's children too.
            .process_group(0);
        let child = command.spawn().with_context(|| format!("start {}", self.name()))?;
        self.child = Some(child);
        Ok(format!("http://{address}"))
    }

    pub(super) fn ended(&mut self) -> Option<String> {
        let status = self.child.as_mut()?.try_wait().ok().flatten()?;
        Some(status.to_string())
    }

    pub(super) fn signal(&self, signal: Signal) -> Result<()> {
        let Some(child) = &self.child else { return Ok(()) };
        let group = Pid::from_raw(i32::try_from(child.id()).context("a strange process id")?);
        match killpg(group, signal) {
            Ok(()) | Err(nix::errno::Errno::ESRCH) => Ok(()),
            Err(error) => Err(error).context("signal the engine"),
        }
    }

    pub(super) async fn kill(&mut self) -> Result<()> {
        self.signal(Signal::SIGKILL)?;
        let started = Instant::now();
        while self.child.is_some() && self.ended().is_none() {
            if started.elapsed() > GONE {
                bail!("the engine's process does not go");
            }
            tokio::time::sleep(STEP).await;
        }
        self.child = None;
        Ok(())
    }

    pub(super) fn last_words(&self) -> String {
        let log = std::fs::read(self.dir.path().join("log")).unwrap_or_default();
        tail(&String::from_utf8_lossy(&log))
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.signal(Signal::SIGKILL);
        if let Some(child) = &mut self.child {
            let _ = child.wait();
        }
    }
}
