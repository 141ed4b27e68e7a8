//! What runs engines: Docker containers, pods of a cluster, or on a laptop without Docker plain processes. One trait, so that jobs,
//! timer and watch know nothing of any.
//!
//! Every call is idempotent: asked again after a crash it finds what is there and goes on. A driver touches nothing that
//! does not carry our labels and our instance's name (SPEC §8).

pub mod docker;
mod image;
pub mod kubernetes;
mod log;
pub mod process;
mod pull_words;
mod snapshots;
mod spec;
mod tree;

use std::time::Duration;

use async_trait::async_trait;
use futures::stream::BoxStream;
use shared::db::runtime::PinnedImage;
use shared::ids::GameId;

pub use self::log::LOG_BYTES;
pub use self::snapshots::Snapshots;
pub use self::spec::EngineSpec;
pub use self::tree::DEPTH;

/// Port on which an engine listens in its container (SPEC §9).
pub const ENGINE_PORT: u16 = 8080;

/// Label of every container of this platform.
const LABEL_BACKEND: &str = "galaxy.backend";
/// Label with `BACKEND_INSTANCE_ID`.
const LABEL_INSTANCE: &str = "galaxy.instance";
/// Label with the game's id.
const LABEL_GAME: &str = "galaxy.game_id";
/// Label with the fingerprint of what the container was made from.
const LABEL_FINGERPRINT: &str = "galaxy.fingerprint";

/// The user and group that every engine runs as, and that owns its state directory.
const ENGINE_UID: u32 = 10_001;

/// Lines that are an engine's last words, and how long they may take: an explanation must hold nothing up.
const WORDS: usize = 5;
const WORDS_TIME: Duration = Duration::from_secs(5);

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
    /// What the daemon says of its state, for people.
    pub said: String,
    /// Whether it is not the game's own: another name says so. It was renamed, or made beside, and must not run.
    pub stray: bool,
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
    /// What we ask for cannot be: no such network, a limit the daemon refuses, a right that we have not.
    #[error("{0}")]
    Config(String),
    /// Something that is not ours has the name. It is left alone, and none of ours can be made beside it.
    #[error("{0}")]
    Foreign(String),
    /// The container cannot run again: its network or its mount is gone, or another one has taken its place. One that is made anew can.
    #[error("{0}")]
    Gone(String),
    /// The container would not be made, started or removed.
    #[error("{0}")]
    Failed(String),
}

impl DriverError {
    /// Whether something is missing that an engine is made from, and may be there again: a network, a registry's answer, room on a disk,
    /// the name that a stranger's container has.
    #[must_use]
    pub fn is_lack(&self) -> bool {
        match self {
            Self::Config(_) | Self::Foreign(_) | Self::Image { passing: true, .. } => true,
            // Daemons have no status of their own for it, but the words of the kernel.
            Self::Failed(why) => why.to_ascii_lowercase().contains("no space left on device"),
            Self::Unavailable(_) | Self::Image { .. } | Self::Gone(_) => false,
        }
    }
}

/// Nobody listens to this pull's progress.
#[derive(Debug, Clone, Copy)]
pub struct Silent;

#[async_trait]
impl Progress for Silent {
    async fn report(&self, _: &str) {}
}

/// Receives a pull's progress, for people.
#[async_trait]
pub trait Progress: Send + Sync {
    /// `line` says how far it is.
    async fn report(&self, line: &str);
}

/// Copies of the games' state directories, where a driver keeps them: a patch may be undone (SPEC §9). A game has one copy, under the
/// name of its patch.
#[async_trait]
pub trait Copies: Send + Sync + 'static {
    /// Whether the state of a game can be copied now: there is room for it. Asked before the engine is touched.
    ///
    /// # Errors
    /// [`DriverError`]; [`DriverError::Config`], with what is missing, where there is no room.
    async fn fits(&self, game_id: GameId) -> Result<(), DriverError>;

    /// Copies the state of a game, unless the copy of this name is there already. Those of other names go first.
    ///
    /// # Errors
    /// [`DriverError`]; [`DriverError::Config`] where it cannot be copied: no room, unreadable files.
    async fn take(&self, game_id: GameId, name: &str) -> Result<(), DriverError>;

    /// Puts the copy of this name back in place of the state; the copy stays. Answers whether there is one.
    ///
    /// # Errors
    /// [`DriverError`]; [`DriverError::Config`] where it cannot be put back. The state is then what it was, or gone, and the copy is whole.
    async fn restore(&self, game_id: GameId, name: &str) -> Result<bool, DriverError>;

    /// Whether a game has a copy, of whatever name, or part of one.
    ///
    /// # Errors
    /// [`DriverError`].
    async fn has_any(&self, game_id: GameId) -> Result<bool, DriverError>;

    /// Drops the copies of a game. Without any it is quick: it is asked for after every turn.
    ///
    /// # Errors
    /// [`DriverError`]; [`DriverError::Config`] where they cannot be removed.
    async fn drop_all(&self, game_id: GameId) -> Result<(), DriverError>;
}

/// A way to run engines.
#[async_trait]
pub trait Driver: Send + Sync + 'static {
    /// `docker`, `kubernetes` or `process`; stands in records and metrics.
    fn name(&self) -> &'static str;

    /// The fingerprint that a container made from `spec` carries, with this driver's configuration.
    fn fingerprint(&self, spec: &EngineSpec) -> String;

    /// The daemon's own lasting id. Also the proof that it answers.
    ///
    /// # Errors
    /// [`DriverError::Unavailable`].
    async fn daemon_id(&self) -> Result<String, DriverError>;

    /// Makes sure that the image is there, as the pull policy says, and answers which it is; `None` where the driver knows no
    /// images. `pinned` is the one that the game began with: then that one and no other is fetched, whatever `image` stands for by
    /// now.
    ///
    /// # Errors
    /// [`DriverError`]; [`DriverError::Image`] where it cannot be had, [`DriverError::Config`] where it may not be run.
    async fn fetch(
        &self,
        image: &str,
        pinned: Option<&PinnedImage>,
        progress: &dyn Progress,
    ) -> Result<Option<PinnedImage>, DriverError>;

    /// The game's container, running or not; `None` where there is none.
    ///
    /// # Errors
    /// [`DriverError`]; [`DriverError::Foreign`] where something that is not ours has its name.
    async fn inspect(&self, game_id: GameId) -> Result<Option<Observed>, DriverError>;

    /// Makes the state directory and the container, not yet started. Answers the container's id. One that is there
    /// already is the answer, whoever made it.
    ///
    /// # Errors
    /// [`DriverError`]; [`DriverError::Image`] where the image was removed since it was fetched.
    async fn create(&self, spec: &EngineSpec) -> Result<String, DriverError>;

    /// Starts the container; one that runs already is fine.
    ///
    /// # Errors
    /// [`DriverError`]; [`DriverError::Gone`] where only one that is made anew can start.
    async fn start(&self, spec: &EngineSpec) -> Result<(), DriverError>;

    /// As [`start`](Self::start), but waits for nothing that is not the daemon's own to do: answers whether there is more to wait for, and
    /// `start` waits for it. A cluster may be long in finding a node.
    ///
    /// # Errors
    /// As of [`start`](Self::start).
    async fn begin_start(&self, spec: &EngineSpec) -> Result<bool, DriverError> {
        self.start(spec).await.map(|()| false)
    }

    /// Stops the container within the grace period and removes it, and its strays; the state directory stays. One that is gone is fine.
    ///
    /// # Errors
    /// [`DriverError`].
    async fn remove(&self, game_id: GameId) -> Result<(), DriverError>;

    /// Stops and removes what carries our labels of a game beside its own container: both would write the same state. A driver whose
    /// containers cannot be renamed, nor be made beside, has none.
    ///
    /// # Errors
    /// [`DriverError`].
    async fn remove_strays(&self, _game_id: GameId) -> Result<(), DriverError> {
        Ok(())
    }

    /// All our containers on this daemon, running or not, in one request however many they are. Ours carry our three labels and the
    /// name that belongs to them; look-alikes are not among them, unless they are strays.
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

    /// The last `lines` lines of what a game's engine printed, the oldest first, of at most [`LOG_BYTES`]; running or not. `None` where
    /// there is no container that printed anything.
    ///
    /// # Errors
    /// [`DriverError`].
    async fn log(&self, game_id: GameId, lines: usize) -> Result<Option<Vec<String>>, DriverError>;

    /// Copies of the games' state directories.
    fn snapshots(&self) -> Box<dyn Copies>;

    /// Last lines of what the engine printed, where they can be had: to explain a failed start.
    async fn last_words(&self, game_id: GameId) -> Option<String> {
        let lines = tokio::time::timeout(WORDS_TIME, self.log(game_id, WORDS)).await.ok()?.ok()??;
        let words = lines.join("\n");
        let words = words.trim();
        (!words.is_empty()).then(|| words.to_owned())
    }
}

/// What the name of a game's container begins with.
pub(crate) const CONTAINER_PREFIX: &str = "galaxy-game-";

/// The name of a game's container.
#[must_use]
pub fn container_name(game_id: GameId) -> String {
    format!("{CONTAINER_PREFIX}{game_id}")
}
