//! What an author writes.

use std::collections::BTreeSet;

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use crate::refusal::{Fault, Refusal};

/// Races that one game may have: as many as the platform lets play.
const MAX_RACES: usize = 1000;
/// Characters in a race's name; the platform's own limit is lower.
const MAX_RACE_NAME: usize = 100;

/// How a game begins: what `init` said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Beginning {
    /// The platform's id of the game. A good seed: it is the same for the same game, and for no other.
    pub game_id: String,
    /// The races, in the platform's order; each name once, none empty.
    pub races: Vec<String>,
    /// The game's settings: an object whose meaning is the game's own, empty where nobody set any.
    pub settings: Map<String, Value>,
}

/// Where a game stands, for the platform.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Status {
    /// Whether it is over. It does not begin again.
    pub finished: bool,
    /// The races that won; empty until it is over, and where nobody did.
    pub winners: Vec<String>,
    /// Every race that was in `init`, those that are out too.
    pub races: Vec<Race>,
}

/// Where a race stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Race {
    /// Its name, as `init` gave it.
    pub race_name: String,
    /// Whether it is out of the game. It does not come back.
    pub extinct: bool,
    /// Planets held, where the game has such a thing.
    pub planets: Option<u64>,
    /// People, where the game has such a thing.
    pub population: Option<u64>,
}

impl Race {
    /// A race of a game without planets and people.
    #[must_use]
    pub fn new(race_name: impl Into<String>, extinct: bool) -> Self {
        Self { race_name: race_name.into(), extinct, planets: None, population: None }
    }
}

/// A game: functions from one state to the next, without I/O and, best, without a clock: what a turn makes should follow from the
/// state alone, as it may be made again after a crash.
///
/// They are called one at a time where they change the state, and off the async threads. Who calls has been checked: the race
/// plays and is not out, the game is not over, orders are for the open turn. A function that panics is a 500, and nothing has
/// changed.
pub trait Game: Send + Sync + 'static {
    /// Everything that the game is made of. It is written as JSON with every change.
    type State: Serialize + DeserializeOwned + Send + Sync + 'static;

    /// The layout of [`Self::State`]: raise it when older states can no longer be read, and say in [`Self::upgrade`] how they
    /// become new ones.
    const FORMAT: u32;

    /// The game at turn 0.
    ///
    /// # Errors
    /// [`Refusal::InvalidInit`] for races or settings that cannot be played.
    fn init(&self, begin: &Beginning) -> Result<Self::State, Refusal>;

    /// The next turn: orders are carried out, the open turn is closed.
    ///
    /// # Errors
    /// [`Refusal::Failed`] with words for whoever can mend it; the platform asks again some times, then pauses the game.
    fn turn(&self, state: &Self::State) -> Result<Self::State, Refusal>;

    /// The game with a race out of it. Called for a race that is in.
    ///
    /// # Errors
    /// [`Refusal::Failed`].
    fn banish(&self, state: &Self::State, race_name: &str) -> Result<Self::State, Refusal>;

    /// The game after a race's commands, which are carried out at once: all or none.
    ///
    /// # Errors
    /// [`Refusal::InvalidCommands`] with what is wrong with which.
    fn command(&self, state: &Self::State, race_name: &str, commands: &[Value]) -> Result<Self::State, Refusal>;

    /// The game with a race's orders for the open turn, in place of its earlier ones: all or none.
    ///
    /// # Errors
    /// [`Refusal::InvalidOrders`] with what is wrong with which.
    fn order(&self, state: &Self::State, race_name: &str, orders: &[Value]) -> Result<Self::State, Refusal>;

    /// What a race gets to see of a state: any JSON. States of closed turns are kept and asked again, so that a report never
    /// changes. It has at most 1 MiB, 100 levels and no U+0000: a report is answered as it is, and the platform passes no other on.
    fn report(&self, state: &Self::State, race_name: &str) -> Value;

    /// Where the game stands.
    fn status(&self, state: &Self::State) -> Status;

    /// A state that an engine with another [`Self::FORMAT`] wrote. Without an implementation it is refused, and the engine does not
    /// start.
    ///
    /// # Errors
    /// Why it cannot be read.
    fn upgrade(&self, format: u32, state: Value) -> Result<Self::State, String> {
        let _ = state;
        Err(format!("format {format} is not format {}", Self::FORMAT))
    }
}

/// Checks the names of an `init`: between one race and [`MAX_RACES`], none empty, too long, with control characters or there twice.
/// What is wrong is said of each by a JSON pointer.
pub(crate) fn check_races(races: &[String]) -> Vec<Fault> {
    if races.is_empty() || races.len() > MAX_RACES {
        return vec![Fault::new("bad_race_count", format!("1 to {MAX_RACES} races play")).at("/races")];
    }
    let (mut seen, mut faults) = (BTreeSet::new(), Vec::new());
    for (index, name) in races.iter().enumerate() {
        let pointer = format!("/races/{index}/race_name");
        if name.trim().is_empty() || name.chars().count() > MAX_RACE_NAME || name.chars().any(char::is_control) {
            let detail = format!("1 to {MAX_RACE_NAME} characters without control characters");
            faults.push(Fault::new("bad_race_name", detail).at(pointer));
        } else if !seen.insert(name) {
            faults.push(Fault::new("duplicate_race_name", "the name is there twice").at(pointer));
        }
    }
    faults
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bad_races_are_named() {
        let faults = |names: &[&str]| -> Vec<(String, &str)> {
            let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
            check_races(&names).into_iter().map(|fault| (fault.pointer, fault.code)).collect()
        };
        let at = |index: u8, code| (format!("/races/{index}/race_name"), code);
        assert_eq!(faults(&["A", "Bêta Crucis", "Гамма"]), []);
        let long = "x".repeat(MAX_RACE_NAME + 1);
        assert_eq!(
            faults(&["A", "A", " ", "a\0b", &long]),
            [at(1, "duplicate_race_name"), at(2, "bad_race_name"), at(3, "bad_race_name"), at(4, "bad_race_name")]
        );
        assert_eq!(faults(&[]), [("/races".to_owned(), "bad_race_count")]);
        assert_eq!(check_races(&vec!["A".to_owned(); MAX_RACES + 1]).len(), 1);
    }
}
