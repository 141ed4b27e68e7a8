//! One game, its rules and its store put together. Calls block: they read and sync files, and are made off the async
//! threads.

use std::io;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use serde_json::{Value, json};

use crate::game::status::Status;
use crate::game::{Game, Refusal, Rules};
use crate::log;
use crate::store::Store;

/// Why a call was not carried out.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// The rules refuse it; nothing has changed.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// The disk failed; the caller asks again.
    #[error("the state could not be read or written")]
    Storage(#[from] io::Error),
}

/// What is in memory. The disk is the truth; this is its last known content.
#[derive(Clone)]
enum Known {
    /// No game has begun.
    Nothing,
    /// The game as it stands.
    Game(Arc<Game>),
    /// A write failed and what it left could not be read: the next change reads it again.
    Doubtful,
}

/// The engine of one game.
pub struct Engine {
    game_id: String,
    rules: Rules,
    store: Store,
    /// Held through a change, so that there is one at a time. Readers do not wait for it.
    changing: Mutex<()>,
    known: RwLock<Known>,
}

impl Engine {
    /// Opens the store and loads the game if it has begun.
    ///
    /// # Errors
    /// If the store cannot be used, or holds another game.
    pub fn open(game_id: &str, state_dir: &Path, rules: Rules) -> io::Result<Self> {
        let store = Store::open(state_dir)?;
        let known = load(&store, game_id)?;
        Ok(Self { game_id: game_id.to_owned(), rules, store, changing: Mutex::new(()), known: RwLock::new(known) })
    }

    /// Whether the game can be read and, as far as known, written.
    pub fn is_healthy(&self) -> bool {
        !matches!(self.known(), Known::Doubtful)
    }

    /// Begins the game, or confirms that it was begun so.
    ///
    /// # Errors
    /// Refused for another game, other races or bad names.
    pub fn init(&self, game_id: &str, race_names: &[String]) -> Result<Status, Failure> {
        if game_id != self.game_id {
            return Err(Refusal::WrongGame(self.game_id.clone()).into());
        }
        let game = self.change(|game| match game {
            Some(game) => game.begun_with(race_names).map(|()| None),
            None => Game::begin(game_id, race_names, self.rules).map(Some),
        })?;
        Ok(game.status())
    }

    /// The status.
    ///
    /// # Errors
    /// Refused before `init`.
    pub fn status(&self) -> Result<Status, Failure> {
        Ok(self.game()?.status())
    }

    /// Closes a turn, once.
    ///
    /// # Errors
    /// Refused as [`Game::close_turn`] says.
    pub fn close_turn(&self, expected: u32) -> Result<Status, Failure> {
        let game = self.change(|game| begun(game)?.close_turn(expected))?;
        Ok(game.status())
    }

    /// Removes a race.
    ///
    /// # Errors
    /// Refused as [`Game::banish`] says.
    pub fn banish(&self, race_name: &str) -> Result<Status, Failure> {
        let game = self.change(|game| begun(game)?.banish(race_name))?;
        Ok(game.status())
    }

    /// Carries out commands; answers the current turn.
    ///
    /// # Errors
    /// Refused as [`Game::command`] says.
    pub fn command(&self, race_name: &str, commands: &[Value]) -> Result<u32, Failure> {
        let game = self.change(|game| begun(game)?.command(race_name, commands).map(Some))?;
        Ok(game.turn)
    }

    /// Takes orders for the current turn.
    ///
    /// # Errors
    /// Refused as [`Game::order`] says.
    pub fn order(&self, race_name: &str, turn: u32, orders: &[Value]) -> Result<u32, Failure> {
        let game = self.change(|game| begun(game)?.order(race_name, turn, orders).map(Some))?;
        Ok(game.turn)
    }

    /// A race's report on the current turn or an earlier one.
    ///
    /// # Errors
    /// Refused for an unknown race and for a turn that has not come.
    pub fn report(&self, race_name: &str, turn: u32) -> Result<Value, Failure> {
        let game = self.game()?;
        if turn == game.turn {
            return Ok(game.report(race_name)?);
        }
        if game.seat_of(race_name).is_none() {
            return Err(Refusal::UnknownRace.into());
        }
        let past = if turn < game.turn { self.store.load_turn(turn)? } else { None };
        Ok(past.ok_or(Refusal::NoReport(turn))?.report(race_name)?)
    }

    fn known(&self) -> Known {
        self.known.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn remember(&self, known: Known) {
        *self.known.write().unwrap_or_else(PoisonError::into_inner) = known;
    }

    fn game(&self) -> Result<Arc<Game>, Failure> {
        match self.known() {
            Known::Game(game) => Ok(game),
            Known::Nothing => Err(Refusal::NotInitialised.into()),
            Known::Doubtful => Err(io::Error::other("the state on disk is in doubt").into()),
        }
    }

    /// One change: computed from the game as it stands, written, and only then seen. `None` changes nothing.
    fn change(&self, rule: impl FnOnce(Option<&Game>) -> Result<Option<Game>, Refusal>) -> Result<Arc<Game>, Failure> {
        let _one_at_a_time = self.changing.lock().unwrap_or_else(PoisonError::into_inner);
        if matches!(self.known(), Known::Doubtful) {
            self.remember(load(&self.store, &self.game_id)?);
        }
        let old = match self.known() {
            Known::Game(game) => Some(game),
            Known::Nothing | Known::Doubtful => None,
        };
        let new = match (rule(old.as_deref())?, &old) {
            (Some(new), _) => Arc::new(new),
            (None, Some(old)) => return Ok(Arc::clone(old)),
            (None, None) => return Err(Refusal::NotInitialised.into()),
        };
        if old.as_ref() == Some(&new) {
            return Ok(new);
        }
        if let Err(error) = self.write(old.as_deref(), &new) {
            log::line("error", "the state could not be written", &json!({"error": error.to_string()}));
            // The new state may or may not have reached the disk: look, instead of guessing.
            self.remember(load(&self.store, &self.game_id).unwrap_or(Known::Doubtful));
            return Err(error.into());
        }
        self.remember(Known::Game(Arc::clone(&new)));
        Ok(new)
    }

    fn write(&self, old: Option<&Game>, new: &Game) -> io::Result<()> {
        if let Some(old) = old.filter(|old| old.turn != new.turn) {
            self.store.save_turn(old)?;
        }
        self.store.save(new)
    }
}

fn begun(game: Option<&Game>) -> Result<&Game, Refusal> {
    game.ok_or(Refusal::NotInitialised)
}

fn load(store: &Store, game_id: &str) -> io::Result<Known> {
    match store.load()? {
        None => Ok(Known::Nothing),
        Some(game) if game.game_id == game_id => Ok(Known::Game(Arc::new(game))),
        Some(game) => {
            let message = format!("the state directory holds the game {}, not {game_id}", game.game_id);
            Err(io::Error::new(io::ErrorKind::InvalidData, message))
        }
    }
}
