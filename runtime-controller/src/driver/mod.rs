//! What runs engines: Docker containers, or on a laptop without Docker plain processes. One trait, so that jobs, timer and
//! watch know nothing of either.
//!
//! Every call is idempotent: asked again after a crash it finds what is there and goes on. A driver touches nothing that
//! does not carry our labels and our instance's name (SPEC §8).

pub mod docker;
pub mod process;
mod spec;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use futures::stream::BoxStream;
use shared::ids::GameId;

pub use self::spec::EngineSpec;

/// Port on which an engine listens in its container (SPEC §9).
pub const ENGINE_PORT: u16 = 8080;

/// An engine's container (or process) as the driver sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Observed {
    /// The driver's own id of it.
    pub container_id: String,
    /// Whether it runs.
    pub running: bool,
    /// Base URL under which it is reached; only while it runs.
    pub endpoint: Option<String>,
    /// Fingerprint of the [`EngineSpec`] that it was made from.
    pub fingerprint: String,
    /// Why it does not run, for people.
    pub ended: Option<String>,
}

/// What a listed container does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Doing {
    /// It runs.
    Runs,
    /// It is frozen by somebody else (`docker pause`): there, but it answers nobody.
    Frozen,
    /// It was made and never started.
    Waits,
    /// It ended, or is on its way out.
    Ended,
}

/// One of our containers, as the list of all of them shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    /// The game that its label names.
    pub game_id: GameId,
    /// The driver's own id of it.
    pub container_id: String,
    /// What it does.
    pub doing: Doing,
    /// Base URL under which it is reached; only while it runs or is frozen.
    pub endpoint: Option<String>,
    /// When it was made.
    pub made_at: DateTime<Utc>,
    /// What the daemon says of its state, for people.
    pub said: String,
}

/// Why a driver call failed, as far as callers act on it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DriverError {
    /// The daemon does not answer. Nobody's fault but its own: the work waits and burns no attempts.
    #[error("the daemon does not answer: {0}")]
    Unavailable(String),
    /// The image is not there and cannot be had.
    #[error("{reason}")]
    Image {
        /// What the daemon said.
        reason: String,
        /// Whether another try may help: the registry did not answer, as opposed to "no such image".
        passing: bool,
    },
    /// What we ask for cannot be: no such network, a limit the daemon refuses, a name that is taken by somebody else.
    #[error("{0}")]
    Config(String),
    /// The container would not be made, started or removed.
    #[error("{0}")]
    Failed(String),
}

/// Receives a pull's progress, for people.
#[async_trait]
pub trait Progress: Send + Sync {
    /// `line` says how far it is.
    async fn report(&self, line: &str);
}

/// A way to run engines.
#[async_trait]
pub trait Driver: Send + Sync + 'static {
    /// `docker` or `process`; stands in records and metrics.
    fn name(&self) -> &'static str;

    /// The fingerprint that a container made from `spec` carries, with this driver's configuration.
    fn fingerprint(&self, spec: &EngineSpec) -> String;

    /// The daemon's own lasting id. Also the proof that it answers.
    ///
    /// # Errors
    /// [`DriverError::Unavailable`].
    async fn daemon_id(&self) -> Result<String, DriverError>;

    /// Makes sure that the image is there, as the pull policy says, and answers its content digest where there is one.
    ///
    /// # Errors
    /// [`DriverError`]; [`DriverError::Image`] where it cannot be had.
    async fn fetch(&self, image: &str, progress: &dyn Progress) -> Result<Option<String>, DriverError>;

    /// The game's container, running or not; `None` where there is none.
    ///
    /// # Errors
    /// [`DriverError`]; [`DriverError::Config`] where something that is not ours has its name.
    async fn inspect(&self, game_id: GameId) -> Result<Option<Observed>, DriverError>;

    /// Makes the state directory and the container, not yet started. Answers the container's id. One that is there
    /// already is the answer, whoever made it.
    ///
    /// # Errors
    /// [`DriverError`].
    async fn create(&self, spec: &EngineSpec) -> Result<String, DriverError>;

    /// Starts the container; one that runs already is fine.
    ///
    /// # Errors
    /// [`DriverError`].
    async fn start(&self, spec: &EngineSpec) -> Result<(), DriverError>;

    /// Stops the container within the grace period and removes it; the state directory stays. One that is gone is fine.
    ///
    /// # Errors
    /// [`DriverError`].
    async fn remove(&self, game_id: GameId) -> Result<(), DriverError>;

    /// All our containers on this daemon, running or not, in one request however many they are. Ours carry our three labels and the
    /// name that belongs to them; look-alikes are not among them.
    ///
    /// # Errors
    /// [`DriverError`].
    async fn list(&self) -> Result<Vec<Listed>, DriverError>;

    /// Tells of each change to our containers, by its time in nanoseconds since 1970, beginning with what happened after `since`. The
    /// stream ends when the daemon goes. `None` for a driver that cannot tell.
    ///
    /// # Errors
    /// [`DriverError`].
    async fn changes(
        &self,
        since: Option<i64>,
    ) -> Result<Option<BoxStream<'static, Result<i64, DriverError>>>, DriverError>;

    /// Whether an address may become another container's when its own is gone.
    fn addresses_move(&self) -> bool;

    /// Last lines of what the engine printed, where they can be had: to explain a failed start.
    async fn last_words(&self, game_id: GameId) -> Option<String>;
}

/// The name of a game's container.
#[must_use]
pub fn container_name(game_id: GameId) -> String {
    format!("galaxy-game-{game_id}")
}
