//! What is tested, and how it is started, ended and killed.

mod docker;
mod exec;

use std::ffi::OsString;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};

use self::docker::Container;
use self::exec::Program;

/// Between two looks for something that should happen.
pub(crate) const STEP: Duration = Duration::from_millis(10);
/// How long an engine may take to end after SIGTERM, as `BACKEND_RUNTIME_STOP_GRACE_PERIOD` has it.
pub(crate) const GRACE: Duration = Duration::from_secs(10);

/// The engine to test.
#[derive(Debug)]
pub struct Subject(Kind);

#[derive(Debug)]
enum Kind {
    Address { url: String, token: String, game_id: String },
    Program(Program),
    Container(Container),
}

impl Subject {
    /// An engine that runs already, freshly started, with the token and the game that it was started for. It cannot be ended and
    /// started again, so that nothing is seen of durability.
    #[must_use]
    pub fn address(url: &str, token: &str, game_id: &str) -> Self {
        let url = url.trim_end_matches('/').to_owned();
        Self(Kind::Address { url, token: token.to_owned(), game_id: game_id.to_owned() })
    }

    /// A program with its arguments, started as the platform's process driver starts it: on loopback, by `GALAXY_LISTEN_ADDR`, on
    /// an empty state directory of its own below `state`, or in the system's place for such things. Unlike the driver it passes `PATH` on.
    ///
    /// # Errors
    /// When the directory cannot be made.
    pub fn exec(command: Vec<OsString>, state: Option<&Path>) -> Result<Self> {
        Program::new(command, state).map(Kind::Program).map(Self)
    }

    /// An image, run in the hardened profile by the `docker` command and the daemon that it talks to, which must be this machine's.
    ///
    /// # Errors
    /// When the image is not there, or its state directory or network cannot be made.
    pub fn image(image: &str) -> Result<Self> {
        Container::new(image).map(Kind::Container).map(Self)
    }

    /// In a word or two, for reports.
    pub(crate) fn name(&self) -> String {
        match &self.0 {
            Kind::Address { url, .. } => url.clone(),
            Kind::Program(program) => program.name(),
            Kind::Container(container) => format!("image {}", container.image()),
        }
    }

    pub(crate) fn game_id(&self) -> String {
        match &self.0 {
            Kind::Address { game_id, .. } => game_id.clone(),
            Kind::Program(_) | Kind::Container(_) => "0192f0c1-7b1e-7000-8000-00000000c0de".to_owned(),
        }
    }

    /// Whether it can be ended and started again.
    pub(crate) const fn restarts(&self) -> bool {
        !matches!(self.0, Kind::Address { .. })
    }

    /// Its state directory, where it can be seen.
    pub(crate) fn state_dir(&self) -> Option<&Path> {
        match &self.0 {
            Kind::Address { .. } => None,
            Kind::Program(program) => Some(program.state_dir()),
            Kind::Container(container) => Some(container.state_dir()),
        }
    }

    /// The image's volumes; none where it is no image.
    ///
    /// # Errors
    /// What docker says.
    pub(crate) fn volumes(&self) -> Result<Option<Vec<String>>> {
        match &self.0 {
            Kind::Container(container) => container.volumes().map(Some),
            Kind::Address { .. } | Kind::Program(_) => Ok(None),
        }
    }

    /// The token that an engine which runs already has; [`Self::start`] gives others their own.
    pub(crate) fn token(&self, number: u32) -> String {
        match &self.0 {
            Kind::Address { token, .. } => token.clone(),
            // Of a container's life: no two have the same.
            Kind::Program(_) | Kind::Container(_) => format!("check-token-{number}-{}", std::process::id()),
        }
    }

    /// Starts it; answers where it will answer.
    ///
    /// # Errors
    /// When it cannot be started at all.
    pub(crate) async fn start(&mut self, token: &str) -> Result<String> {
        let game_id = self.game_id();
        match &mut self.0 {
            Kind::Address { url, .. } => Ok(url.clone()),
            Kind::Program(program) => program.start(&game_id, token),
            Kind::Container(container) => container.start(&game_id, token).await,
        }
    }

    /// Whether it has ended by itself, and how.
    pub(crate) fn ended(&mut self) -> Option<String> {
        match &mut self.0 {
            Kind::Address { .. } => None,
            Kind::Program(program) => program.ended(),
            Kind::Container(container) => container.ended(),
        }
    }

    /// `kill -9`, and gone.
    ///
    /// # Errors
    /// When it cannot be killed.
    pub(crate) async fn kill(&mut self) -> Result<()> {
        match &mut self.0 {
            Kind::Address { .. } => Ok(()),
            Kind::Program(program) => program.kill().await,
            Kind::Container(container) => container.kill(),
        }
    }

    /// SIGTERM; answers how long it took to end, if it did within the grace period. It is gone afterwards in any case.
    ///
    /// # Errors
    /// When it cannot be ended.
    pub(crate) async fn terminate(&mut self) -> Result<Option<Duration>> {
        let started = Instant::now();
        match &mut self.0 {
            Kind::Address { .. } => return Ok(None),
            Kind::Program(program) => program.signal(nix::sys::signal::Signal::SIGTERM)?,
            Kind::Container(container) => container.terminate()?,
        }
        while started.elapsed() < GRACE {
            if self.ended().is_some() {
                return self.kill().await.map(|()| Some(started.elapsed()));
            }
            tokio::time::sleep(STEP).await;
        }
        self.kill().await.map(|()| None)
    }

    /// The end of what it has written to its log.
    pub(crate) fn last_words(&self) -> String {
        match &self.0 {
            Kind::Address { .. } => String::new(),
            Kind::Program(program) => program.last_words(),
            Kind::Container(container) => container.last_words(),
        }
    }
}

/// The end of a text.
fn tail(text: &str) -> String {
    let lines: Vec<&str> = text.lines().filter(|line| !line.trim().is_empty()).collect();
    lines.get(lines.len().saturating_sub(5)..).unwrap_or_default().join("\n")
}

/// An empty directory, whose name says whose it is.
fn empty_dir(below: Option<&Path>) -> Result<tempfile::TempDir> {
    let mut builder = tempfile::Builder::new();
    let builder = builder.prefix("engine-check-");
    match below {
        Some(below) => builder.tempdir_in(below).with_context(|| format!("make a directory in {}", below.display())),
        None => builder.tempdir().context("make a directory for the engine's state"),
    }
}
