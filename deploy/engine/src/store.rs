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

use serde::Deserialize;

use crate::game::Game;
use crate::game::state::FORMAT;

/// How long an engine waits for its predecessor to end; a killed process lets go of the lock at once.
const LOCK_PATIENCE: Duration = Duration::from_secs(10);

/// A state directory, locked for this process.
#[derive(Debug)]
pub struct Store {
    dir: PathBuf,
    /// Held for its lock, which the system takes back whatever way the process ends.
    _lock: File,
}

#[derive(Deserialize)]
struct Header {
    format: u32,
}

impl Store {
    /// Makes the directory if needed, locks it, and removes what a crash left half-written.
    ///
    /// # Errors
    /// If the directory cannot be written, or another engine holds it.
    pub fn open(dir: &Path) -> io::Result<Self> {
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
    /// If the file cannot be read, or was written by an engine with another layout of the state.
    pub fn load(&self) -> io::Result<Option<Game>> {
        read(&self.dir.join("state.json"))
    }

    /// The game as it stood when an earlier turn closed.
    ///
    /// # Errors
    /// As for [`Self::load`].
    pub fn load_turn(&self, turn: u32) -> io::Result<Option<Game>> {
        read(&self.turn_file(turn))
    }

    /// Makes `game` the game as it stands, durably.
    ///
    /// # Errors
    /// If it is not certain to be on disk. It may be there all the same: load it anew to know.
    pub fn save(&self, game: &Game) -> io::Result<()> {
        write(&self.dir, &self.dir.join("state.json"), game)
    }

    /// Keeps the game as it stands when its turn closes. Must happen before the next turn is saved.
    ///
    /// # Errors
    /// If it is not certain to be on disk.
    pub fn save_turn(&self, game: &Game) -> io::Result<()> {
        write(&self.dir.join("turns"), &self.turn_file(game.turn), game)
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

fn read(path: &Path) -> io::Result<Option<Game>> {
    let bytes = match fs::read(path) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    let invalid = |what: String| io::Error::new(io::ErrorKind::InvalidData, format!("{}: {what}", path.display()));
    let header: Header = serde_json::from_slice(&bytes).map_err(|error| invalid(error.to_string()))?;
    if header.format != FORMAT {
        return Err(invalid(format!("format {} is not format {FORMAT}", header.format)));
    }
    serde_json::from_slice(&bytes).map(Some).map_err(|error| invalid(error.to_string()))
}

/// The new content is whole on disk under another name before it takes the old one's place, and the directory is synced
/// so that the renaming itself survives a power cut.
fn write(dir: &Path, path: &Path, game: &Game) -> io::Result<()> {
    let half = path.with_extension("tmp");
    let mut file = File::create(&half)?;
    file.write_all(&serde_json::to_vec(game)?)?;
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
    use super::*;
    use crate::game::Rules;

    fn game() -> Game {
        Game::begin("g", &["A".into(), "B".into()], Rules::default()).unwrap()
    }

    #[test]
    fn what_was_saved_is_loaded() {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(dir.path()).unwrap();
        assert_eq!(store.load().unwrap(), None);
        let game = game();
        store.save(&game).unwrap();
        store.save_turn(&game).unwrap();
        drop(store);
        let store = Store::open(dir.path()).unwrap();
        assert_eq!(store.load().unwrap().as_ref(), Some(&game));
        assert_eq!(store.load_turn(0).unwrap(), Some(game));
        assert_eq!(store.load_turn(1).unwrap(), None);
    }

    #[test]
    fn a_torn_write_is_ignored_and_removed() {
        let dir = tempfile::tempdir().unwrap();
        Store::open(dir.path()).unwrap().save(&game()).unwrap();
        let torn = dir.path().join("state.tmp");
        fs::write(&torn, b"{\"format\":1,\"game_").unwrap();
        assert_eq!(Store::open(dir.path()).unwrap().load().unwrap(), Some(game()));
        assert!(!torn.exists());
    }

    #[test]
    fn another_layout_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("state.json"), b"{\"format\":99}").unwrap();
        let error = Store::open(dir.path()).unwrap().load().unwrap_err();
        assert!(error.to_string().contains("format 99"), "{error}");
    }

    #[test]
    fn one_engine_at_a_time() {
        let dir = tempfile::tempdir().unwrap();
        let _first = Store::open(dir.path()).unwrap();
        let error = lock(&dir.path().join("engine.lock"), Instant::now()).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::WouldBlock);
    }
}
