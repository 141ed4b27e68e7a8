//! How a game begins, which turn may be closed, and how a race is removed: the platform's side of the rules.

use std::collections::BTreeSet;

use super::chance::seed_of;
use super::error::{Fault, Refusal};
use super::galaxy::lay_out;
use super::race::{Race, RaceId};
use super::rules::Rules;
use super::state::{FORMAT, Game};

/// Races that one game may have.
pub const MAX_RACES: usize = 256;
/// Characters in a race's name; the platform's own limit is lower.
pub const MAX_RACE_NAME: usize = 100;

impl Game {
    /// Begins a game at turn 0. The order of the names does not matter.
    ///
    /// # Errors
    /// [`Refusal::InvalidInit`] for no races, too many, or names that are empty, too long or there twice.
    pub fn begin(game_id: &str, race_names: &[String], rules: Rules) -> Result<Game, Refusal> {
        let faults = check_names(race_names);
        if !faults.is_empty() {
            return Err(Refusal::InvalidInit(faults));
        }
        let seed = seed_of(game_id);
        let names: BTreeSet<&String> = race_names.iter().collect();
        let (map, planets) = lay_out(seed, u16::try_from(names.len()).unwrap_or(u16::MAX), &rules);
        Ok(Game {
            format: FORMAT,
            game_id: game_id.to_owned(),
            seed,
            rules,
            turn: 0,
            finished: false,
            winners: Vec::new(),
            map,
            races: names.into_iter().cloned().map(Race::new).collect(),
            planets,
            fleets: Vec::new(),
            next_fleet: 1,
            messages: Vec::new(),
            events: Vec::new(),
            banished: Vec::new(),
        })
    }

    /// Whether an `init` with these names is the one that began this game.
    ///
    /// # Errors
    /// [`Refusal::AlreadyInitialised`] if it is another one.
    pub fn begun_with(&self, race_names: &[String]) -> Result<(), Refusal> {
        let given: BTreeSet<&String> = race_names.iter().collect();
        let ours: BTreeSet<&String> = self.races.iter().map(|race| &race.name).collect();
        if given == ours && given.len() == race_names.len() { Ok(()) } else { Err(Refusal::AlreadyInitialised) }
    }

    /// Closes the turn that the caller expects to be open. `None` if it has been closed already and the game is one
    /// turn further: the caller did not hear the answer and asks again.
    ///
    /// # Errors
    /// Refused for any other turn, and for the last turn of a finished game.
    pub fn close_turn(&self, expected: u32) -> Result<Option<Game>, Refusal> {
        if expected.checked_add(1) == Some(self.turn) {
            return Ok(None);
        }
        if expected != self.turn {
            return Err(Refusal::TurnMismatch { current: self.turn, expected });
        }
        if self.finished {
            return Err(Refusal::GameFinished);
        }
        Ok(Some(self.next_turn()))
    }

    /// Removes a race: its planets fall back to their people, its ships are gone. `None` if it is out already. Who wins
    /// by that is decided when the turn closes.
    ///
    /// # Errors
    /// Refused for an unknown race and for a finished game.
    pub fn banish(&self, race_name: &str) -> Result<Option<Game>, Refusal> {
        let id = self.seat_of(race_name).ok_or(Refusal::UnknownRace)?;
        if self.race(id).is_none_or(|race| race.extinct) {
            return Ok(None);
        }
        if self.finished {
            return Err(Refusal::GameFinished);
        }
        let mut game = self.clone();
        game.remove(id);
        game.banished.push(race_name.to_owned());
        Ok(Some(game))
    }

    fn remove(&mut self, id: RaceId) {
        if let Some(race) = self.race_mut(id) {
            race.extinct = true;
            race.orders.clear();
        }
        self.fleets.retain(|fleet| fleet.owner != id);
        for planet in self.planets.iter_mut().filter(|planet| planet.owner == Some(id)) {
            planet.abandon();
        }
    }
}

fn check_names(names: &[String]) -> Vec<Fault> {
    if names.is_empty() || names.len() > MAX_RACES {
        return vec![Fault::new("bad_race_count", format!("1 to {MAX_RACES} races play")).at("/races")];
    }
    let (mut seen, mut faults) = (BTreeSet::new(), Vec::new());
    for (index, name) in names.iter().enumerate() {
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
