//! The game on disk. A change is on disk before anybody hears of it, and a crash at any instant leaves the state as it
//! was before the change or after it, never between.
//!
//! ```text
//! engine.lock             held while an engine runs: a second one on the same directory waits, then gives up
//! state.json              the game as it stands
//! turns/turn-0000007.json the game as it stood when turn 7 closed; reports on past turns are written from it
//! *.tmp                   half-written, ignored and removed at the start
//! ```

use std::fs::{self, File, TryLockError};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::thread::sleep;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::game::{Beginning, Game};

/// How long an engine waits for its predecessor to end; a killed process lets go of the lock at once.
const LOCK_PATIENCE: Duration = Duration::from_secs(10);

/// A state directory, locked for this process.
#[derive(Debug)]
pub(crate) struct Store {
    dir: PathBuf,
    /// Held for its lock, which the system takes back whatever way the process ends.
    _lock: File,
}

/// The layout of [`Kept`] itself, around whatever the game's state is.
const LAYOUT: u32 = 1;

/// A game on disk.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Kept<S> {
    /// [`LAYOUT`] of the SDK that wrote it.
    pub(crate) layout: u32,
    /// [`Game::FORMAT`] of the game that wrote it.
    pub(crate) format: u32,
    /// The platform's id of the game.
    pub(crate) game_id: String,
    /// The races of `init`.
    pub(crate) races: Vec<String>,
    /// The settings of `init`.
    pub(crate) settings: Map<String, Value>,
    /// The turn that is open.
    pub(crate) turn: u32,
    /// The game's own.
    pub(crate) state: S,
}

impl<S> Kept<S> {
    /// A game at turn 0.
    pub(crate) fn begin(format: u32, begin: &Beginning, state: S) -> Self {
        let Beginning { game_id, races, settings } = begin.clone();
        Self { layout: LAYOUT, format, game_id, races, settings, turn: 0, state }
    }

    /// The same turn with another state.
    pub(crate) fn with<T>(&self, state: T) -> Kept<T> {
        let (game_id, races, settings) = (self.game_id.clone(), self.races.clone(), self.settings.clone());
        Kept { layout: self.layout, format: self.format, game_id, races, settings, turn: self.turn, state }
    }

    /// The next turn.
    pub(crate) fn next(&self, state: S) -> Self {
        Self { turn: self.turn.saturating_add(1), ..self.with(state) }
    }
}

#[derive(Deserialize)]
struct Header {
    layout: u32,
    format: u32,
}

impl Store {
    /// Makes the directory if needed, locks it, and removes what a crash left half-written.
    ///
    /// # Errors
    /// If the directory cannot be written, or another engine holds it.
    pub(crate) fn open(dir: &Path) -> io::Result<Self> {
        fs::create_dir_all(dir.join("turns"))?;
        let lock = lock(&dir.join("engine.lock"), Instant::now() + LOCK_PATIENCE)?;
        for dir in [dir, &dir.join("turns")] {
            remove_half_written(dir)?;
            sync_dir(dir)?;
        }
        Ok(Self { dir: dir.to_owned(), _lock: lock })
    }

    /// The game as it stands; none if it has not begun.
    ///
    /// # Errors
    /// If the file cannot be read, or was written by an engine with another layout of the state that the game does not know.
    pub(crate) fn load<G: Game>(&self, game: &G) -> io::Result<Option<Kept<G::State>>> {
        read(game, &self.dir.join("state.json"))
    }

    /// The game as it stood when an earlier turn closed.
    ///
    /// # Errors
    /// As for [`Self::load`].
    pub(crate) fn load_turn<G: Game>(&self, game: &G, turn: u32) -> io::Result<Option<Kept<G::State>>> {
        read(game, &self.turn_file(turn))
    }

    /// Makes what was [`written`] the game as it stands, durably.
    ///
    /// # Errors
    /// If it is not certain to be on disk. It may be there all the same: load it anew to know.
    pub(crate) fn save(&self, written: &[u8]) -> io::Result<()> {
        write(&self.dir, &self.dir.join("state.json"), written)
    }

    /// Keeps the game as it stands when its turn closes. Must happen before the next turn is saved.
    ///
    /// # Errors
    /// If it is not certain to be on disk.
    pub(crate) fn save_turn<S: Serialize>(&self, kept: &Kept<S>) -> io::Result<()> {
        write(&self.dir.join("turns"), &self.turn_file(kept.turn), &written(kept)?)
    }

    fn turn_file(&self, turn: u32) -> PathBuf {
        self.dir.join("turns").join(format!("turn-{turn:07}.json"))
    }
}

fn lock(path: &Path, deadline: Instant) -> io::Result<File> {
    let file = File::options().create(true).truncate(false).write(true).open(path)?;
    loop {
        match file.try_lock() {
            Ok(()) => return Ok(file),
            Err(TryLockError::WouldBlock) if Instant::now() < deadline => sleep(Duration::from_millis(50)),
            Err(TryLockError::WouldBlock) => {
                return Err(io::Error::new(io::ErrorKind::WouldBlock, "another engine runs on this state directory"));
            }
            Err(TryLockError::Error(error)) => return Err(error),
        }
    }
}

fn remove_half_written(dir: &Path) -> io::Result<()> {
    for entry in fs::read_dir(dir)? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "tmp") {
            fs::remove_file(path)?;
        }
    }
    Ok(())
}

/// A game as its file holds it.
pub(crate) fn written<S: Serialize>(kept: &Kept<S>) -> io::Result<Vec<u8>> {
    Ok(serde_json::to_vec(kept)?)
}

fn read<G: Game>(game: &G, path: &Path) -> io::Result<Option<Kept<G::State>>> {
    let bytes = match fs::read(path) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    let invalid = |what: String| io::Error::new(io::ErrorKind::InvalidData, format!("{}: {what}", path.display()));
    let header: Header = serde_json::from_slice(&bytes).map_err(|error| invalid(error.to_string()))?;
    if header.layout != LAYOUT {
        return Err(invalid(format!("layout {} is not layout {LAYOUT}", header.layout)));
    }
    if header.format == G::FORMAT {
        return serde_json::from_slice(&bytes).map(Some).map_err(|error| invalid(error.to_string()));
    }
    // Of another release of the game: on disk it becomes ours with the next change, and past turns stay as they are.
    let old: Kept<Value> = serde_json::from_slice(&bytes).map_err(|error| invalid(error.to_string()))?;
    let state = game.upgrade(header.format, old.state.clone()).map_err(invalid)?;
    Ok(Some(Kept { format: G::FORMAT, ..old.with(state) }))
}

/// The new content is whole on disk under another name before it takes the old one's place, and the directory is synced
/// so that the renaming itself survives a power cut.
fn write(dir: &Path, path: &Path, written: &[u8]) -> io::Result<()> {
    let half = path.with_extension("tmp");
    let mut file = File::create(&half)?;
    file.write_all(written)?;
    file.sync_all()?;
    drop(file);
    fs::rename(&half, path)?;
    sync_dir(dir)
}

fn sync_dir(dir: &Path) -> io::Result<()> {
    File::open(dir)?.sync_all()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::game::Status;
    use crate::refusal::Refusal;

    /// A game whose state is a number, and was a text once.
    struct Numbers;

    impl Game for Numbers {
        type State = u32;
        const FORMAT: u32 = 2;

        fn init(&self, _: &Beginning) -> Result<u32, Refusal> {
            Ok(0)
        }
        fn turn(&self, state: &u32) -> Result<u32, Refusal> {
            Ok(state + 1)
        }
        fn banish(&self, state: &u32, _: &str) -> Result<u32, Refusal> {
            Ok(*state)
        }
        fn command(&self, state: &u32, _: &str, _: &[Value]) -> Result<u32, Refusal> {
            Ok(*state)
        }
        fn order(&self, state: &u32, _: &str, _: &[Value]) -> Result<u32, Refusal> {
            Ok(*state)
        }
        fn report(&self, state: &u32, _: &str) -> Value {
            json!(state)
        }
        fn status(&self, _: &u32) -> Status {
            Status { finished: false, winners: Vec::new(), races: Vec::new() }
        }
        fn upgrade(&self, format: u32, state: Value) -> Result<u32, String> {
            match (format, state.as_str().and_then(|text| text.parse().ok())) {
                (1, Some(number)) => Ok(number),
                _ => Err(format!("format {format} is not known")),
            }
        }
    }

    fn kept(state: u32) -> Kept<u32> {
        let settings = json!({"map": "small"}).as_object().unwrap().clone();
        Kept::begin(2, &Beginning { game_id: "g".into(), races: vec!["A".into()], settings }, state)
    }

    fn save(store: &Store, kept: &Kept<u32>) {
        store.save(&written(kept).unwrap()).unwrap();
    }

    #[test]
    fn what_was_saved_is_loaded() {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(dir.path()).unwrap();
        assert_eq!(store.load(&Numbers).unwrap(), None);
        save(&store, &kept(7));
        store.save_turn(&kept(6)).unwrap();
        drop(store);
        let store = Store::open(dir.path()).unwrap();
        assert_eq!(store.load(&Numbers).unwrap(), Some(kept(7)));
        assert_eq!(store.load_turn(&Numbers, 0).unwrap(), Some(kept(6)));
        assert_eq!(store.load_turn(&Numbers, 1).unwrap(), None);
    }

    #[test]
    fn a_torn_write_is_ignored_and_removed() {
        let dir = tempfile::tempdir().unwrap();
        save(&Store::open(dir.path()).unwrap(), &kept(7));
        let torn = dir.path().join("state.tmp");
        fs::write(&torn, b"{\"format\":2,\"game_").unwrap();
        assert_eq!(Store::open(dir.path()).unwrap().load(&Numbers).unwrap(), Some(kept(7)));
        assert!(!torn.exists());
    }

    #[test]
    fn a_state_of_an_older_release_is_upgraded_and_an_unknown_one_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(dir.path()).unwrap();
        let old = |format| serde_json::to_vec(&Kept { format, ..kept(0).with("41") }).unwrap();
        store.save(&old(1)).unwrap();
        assert_eq!(store.load(&Numbers).unwrap(), Some(kept(41)));
        store.save(&old(9)).unwrap();
        let error = store.load(&Numbers).unwrap_err();
        assert!(error.to_string().contains("format 9"), "{error}");
        store.save(br#"{"layout":99,"format":2}"#).unwrap();
        let error = store.load(&Numbers).unwrap_err();
        assert!(error.to_string().contains("layout 99"), "{error}");
    }

    #[test]
    fn one_engine_at_a_time() {
        let dir = tempfile::tempdir().unwrap();
        let _first = Store::open(dir.path()).unwrap();
        let error = lock(&dir.path().join("engine.lock"), Instant::now()).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::WouldBlock);
    }
}
