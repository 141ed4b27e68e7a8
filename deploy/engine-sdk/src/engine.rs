//! One game, its functions and its state directory put together: the rules of the contract that hold for any game. Calls block:
//! they read and sync files, and are made off the async threads.

use std::collections::BTreeSet;
use std::io;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use serde_json::{Value, json};

use crate::contract;
use crate::game::{Beginning, Game, Status, check_races};
use crate::log;
use crate::refusal::Refusal;
use crate::store::{self, Kept, Store};

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

/// Where a game stands, as the platform is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Standing {
    /// The platform's id of the game.
    pub game_id: String,
    /// The turn that is open.
    pub turn: u32,
    /// What the game says.
    pub status: Status,
}

/// What is in memory. The disk is the truth; this is its last known content.
enum Known<S> {
    /// No game has begun.
    Nothing,
    /// The game as it stands.
    Game(Arc<Kept<S>>),
    /// A write failed and what it left could not be read: the next change reads it again.
    Doubtful,
}

impl<S> Clone for Known<S> {
    fn clone(&self) -> Self {
        match self {
            Self::Nothing => Self::Nothing,
            Self::Game(kept) => Self::Game(Arc::clone(kept)),
            Self::Doubtful => Self::Doubtful,
        }
    }
}

/// The engine of one game.
pub struct Engine<G: Game> {
    game: G,
    game_id: String,
    store: Store,
    /// Held through a change, so that there is one at a time. Readers do not wait for it.
    changing: Mutex<()>,
    known: RwLock<Known<G::State>>,
}

type Next<S> = Result<Option<Kept<S>>, Refusal>;

impl<G: Game> Engine<G> {
    /// Opens the state directory and loads the game if it has begun.
    ///
    /// # Errors
    /// If the directory cannot be used, is held by another engine, or holds another game.
    pub fn open(game: G, game_id: &str, state_dir: &Path) -> io::Result<Self> {
        let store = Store::open(state_dir)?;
        let known = load(&game, &store, game_id)?;
        Ok(Self { game, game_id: game_id.to_owned(), store, changing: Mutex::new(()), known: RwLock::new(known) })
    }

    /// Whether the game can be read and, as far as known, written.
    pub fn is_healthy(&self) -> bool {
        !matches!(self.known(), Known::Doubtful)
    }

    /// Begins the game, or confirms that it was begun so: with these races, in any order, and these settings.
    ///
    /// # Errors
    /// Refused for another game, other races or settings, and those that the game cannot play.
    pub fn init(&self, begin: &Beginning) -> Result<Standing, Failure> {
        if begin.game_id != self.game_id {
            return Err(Refusal::WrongGame(self.game_id.clone()).into());
        }
        self.change(|kept| match kept {
            Some(kept) if begun_so(kept, begin) => Ok(None),
            Some(_) => Err(Refusal::AlreadyInitialised),
            None => {
                let faults = check_races(&begin.races);
                if !faults.is_empty() {
                    return Err(Refusal::InvalidInit(faults));
                }
                Ok(Some(Kept::begin(G::FORMAT, begin, self.game.init(begin)?)))
            }
        })
    }

    /// The status.
    ///
    /// # Errors
    /// Refused before `init`.
    pub fn status(&self) -> Result<Standing, Failure> {
        let kept = self.kept()?;
        Ok(self.standing(&kept))
    }

    /// Closes a turn, once: an engine that is one past `expected` has closed it, and makes nothing.
    ///
    /// # Errors
    /// Refused for any other turn, and for the last turn of a finished game.
    pub fn close_turn(&self, expected: u32) -> Result<Standing, Failure> {
        self.change(|kept| {
            let kept = begun(kept)?;
            if expected.checked_add(1) == Some(kept.turn) {
                return Ok(None);
            }
            if expected != kept.turn {
                return Err(Refusal::TurnMismatch { current: kept.turn, expected });
            }
            if self.game.status(&kept.state).finished {
                return Err(Refusal::GameFinished);
            }
            Ok(Some(kept.next(self.game.turn(&kept.state)?)))
        })
    }

    /// Removes a race. Removing it again changes nothing.
    ///
    /// # Errors
    /// Refused for an unknown race, and in a finished game for one that is still in.
    pub fn banish(&self, race_name: &str) -> Result<Standing, Failure> {
        self.change(|kept| {
            let kept = begun(kept)?;
            match self.may_act(kept, race_name, None) {
                Err(Refusal::GameFinished | Refusal::RaceExtinct) if self.is_extinct(kept, race_name) => Ok(None),
                Err(refusal) => Err(refusal),
                Ok(()) => Ok(Some(kept.with(self.game.banish(&kept.state, race_name)?))),
            }
        })
    }

    /// Carries out commands; answers the current turn.
    ///
    /// # Errors
    /// Refused for an unknown or extinct race, a finished game, and as [`Game::command`] says.
    pub fn command(&self, race_name: &str, commands: &[Value]) -> Result<u32, Failure> {
        let standing = self.change(|kept| {
            let kept = begun(kept)?;
            self.may_act(kept, race_name, None)?;
            Ok(Some(kept.with(self.game.command(&kept.state, race_name, commands)?)))
        });
        Ok(standing?.turn)
    }

    /// Takes orders for the current turn, in place of the race's earlier ones.
    ///
    /// # Errors
    /// Refused for an unknown or extinct race, another turn, a finished game, and as [`Game::order`] says.
    pub fn order(&self, race_name: &str, turn: u32, orders: &[Value]) -> Result<u32, Failure> {
        let standing = self.change(|kept| {
            let kept = begun(kept)?;
            self.may_act(kept, race_name, Some(turn))?;
            Ok(Some(kept.with(self.game.order(&kept.state, race_name, orders)?)))
        });
        Ok(standing?.turn)
    }

    /// A race's report on the current turn or an earlier one. One that breaks the contract is answered as it is, and said in the log:
    /// the platform leaves such a report out at once, and would ask for minutes again where it got an error.
    ///
    /// # Errors
    /// Refused for an unknown race and for a turn that has not come.
    pub fn report(&self, race_name: &str, turn: u32) -> Result<Value, Failure> {
        let kept = self.kept()?;
        if !kept.races.iter().any(|race| race == race_name) {
            return Err(Refusal::UnknownRace.into());
        }
        let report = if turn == kept.turn {
            self.game.report(&kept.state, race_name)
        } else {
            let past = if turn < kept.turn { self.store.load_turn(&self.game, turn)? } else { None };
            self.game.report(&past.ok_or(Refusal::NoReport(turn))?.state, race_name)
        };
        if let Err(fault) = contract::check_report(&report) {
            let fields = json!({"turn": turn, "error": fault});
            log::line("error", "a report is not to the contract, and will not reach its player", &fields);
        }
        Ok(report)
    }

    /// Whether a race may act now, in this turn if one is named.
    fn may_act(&self, kept: &Kept<G::State>, race_name: &str, turn: Option<u32>) -> Result<(), Refusal> {
        let status = self.game.status(&kept.state);
        let race = status.races.iter().find(|race| race.race_name == race_name).ok_or(Refusal::UnknownRace)?;
        if status.finished {
            return Err(Refusal::GameFinished);
        }
        if let Some(wanted) = turn.filter(|turn| *turn != kept.turn) {
            return Err(Refusal::TurnAlreadyClosed { current: kept.turn, wanted });
        }
        if race.extinct { Err(Refusal::RaceExtinct) } else { Ok(()) }
    }

    fn is_extinct(&self, kept: &Kept<G::State>, race_name: &str) -> bool {
        self.game.status(&kept.state).races.iter().any(|race| race.race_name == race_name && race.extinct)
    }

    fn standing(&self, kept: &Kept<G::State>) -> Standing {
        Standing { game_id: kept.game_id.clone(), turn: kept.turn, status: self.game.status(&kept.state) }
    }

    fn known(&self) -> Known<G::State> {
        self.known.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn remember(&self, known: Known<G::State>) {
        *self.known.write().unwrap_or_else(PoisonError::into_inner) = known;
    }

    fn kept(&self) -> Result<Arc<Kept<G::State>>, Failure> {
        match self.known() {
            Known::Game(kept) => Ok(kept),
            Known::Nothing => Err(Refusal::NotInitialised.into()),
            Known::Doubtful => Err(io::Error::other("the state on disk is in doubt").into()),
        }
    }

    /// One change: computed from the game as it stands, written, and only then seen. `None` changes nothing.
    fn change(&self, rule: impl FnOnce(Option<&Kept<G::State>>) -> Next<G::State>) -> Result<Standing, Failure> {
        // A game that panicked under it has changed nothing: it is as good as new.
        let _one_at_a_time = self.changing.lock().unwrap_or_else(PoisonError::into_inner);
        if matches!(self.known(), Known::Doubtful) {
            self.remember(load(&self.game, &self.store, &self.game_id)?);
        }
        let old = match self.known() {
            Known::Game(kept) => Some(kept),
            Known::Nothing | Known::Doubtful => None,
        };
        let new = match (rule(old.as_deref())?, &old) {
            (Some(new), _) => new,
            (None, Some(old)) => return Ok(self.standing(old)),
            (None, None) => return Err(Refusal::NotInitialised.into()),
        };
        let standing = self.standing(&new);
        let before = old.as_ref().map(|old| self.game.status(&old.state));
        contract::check(&new.races, before.as_ref(), &standing.status).map_err(Refusal::Failed)?;
        let written = store::written(&new)?;
        // The same again, as a caller sends who missed the answer: on disk already.
        if old.as_ref().is_some_and(|old| store::written(&**old).is_ok_and(|old| old == written)) {
            return Ok(standing);
        }
        if let Err(error) = self.write(old.as_deref(), &new, &written) {
            log::line("error", "the state could not be written", &json!({"error": error.to_string()}));
            // The new state may or may not have reached the disk: look, instead of guessing.
            self.remember(load(&self.game, &self.store, &self.game_id).unwrap_or(Known::Doubtful));
            return Err(error.into());
        }
        self.remember(Known::Game(Arc::new(new)));
        Ok(standing)
    }

    fn write(&self, old: Option<&Kept<G::State>>, new: &Kept<G::State>, written: &[u8]) -> io::Result<()> {
        if let Some(old) = old.filter(|old| old.turn != new.turn) {
            self.store.save_turn(old)?;
        }
        self.store.save(written)
    }
}

fn begun<S>(kept: Option<&Kept<S>>) -> Result<&Kept<S>, Refusal> {
    kept.ok_or(Refusal::NotInitialised)
}

fn begun_so<S>(kept: &Kept<S>, begin: &Beginning) -> bool {
    let set = |races: &[String]| races.iter().cloned().collect::<BTreeSet<String>>();
    kept.settings == begin.settings && kept.races.len() == begin.races.len() && set(&kept.races) == set(&begin.races)
}

fn load<G: Game>(game: &G, store: &Store, game_id: &str) -> io::Result<Known<G::State>> {
    match store.load(game)? {
        None => Ok(Known::Nothing),
        Some(kept) if kept.game_id == game_id => Ok(Known::Game(Arc::new(kept))),
        Some(kept) => {
            let message = format!("the state directory holds the game {}, not {game_id}", kept.game_id);
            Err(io::Error::new(io::ErrorKind::InvalidData, message))
        }
    }
}
