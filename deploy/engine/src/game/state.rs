//! The whole state of a game: what is kept on disk, and nothing else.

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::event::{Event, What};
use super::fleet::{Fleet, FleetId};
use super::map::Map;
use super::message::Message;
use super::planet::{Planet, PlanetId};
use super::race::{Race, RaceId};
use super::rules::Rules;

/// The layout of the state, which the SDK keeps beside it.
pub const FORMAT: u32 = 1;

/// A game. Made by [`Game::begin`], changed by the functions of this module's siblings only.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Game {
    /// The platform's id of the game.
    pub game_id: String,
    /// Where all chance comes from, see [`super::chance::seed_of`].
    pub seed: u64,
    /// The balance that it was begun with.
    pub rules: Rules,
    /// The turn that is open for orders.
    pub turn: u32,
    /// Whether it is over.
    pub finished: bool,
    /// Who won; empty until it is over.
    pub winners: Vec<String>,
    /// The size of space.
    pub map: Map,
    /// The races in the order of their names; [`RaceId`] is the index.
    pub races: Vec<Race>,
    /// The planets; [`PlanetId`] is the index plus one.
    pub planets: Vec<Planet>,
    /// The fleets under way, oldest first.
    pub fleets: Vec<Fleet>,
    /// The number that the next fleet gets.
    pub next_fleet: u32,
    /// The notes of this turn and of the one before.
    pub messages: Vec<Message>,
    /// What happened when the last turn closed.
    pub events: Vec<Event>,
    /// Races banished since then, told when this turn closes.
    pub banished: Vec<String>,
}

impl Game {
    /// Every race with its seat, in the order of names.
    pub fn seats(&self) -> impl Iterator<Item = (RaceId, &Race)> {
        (0_u16..).map(RaceId).zip(&self.races)
    }

    /// The seat of the race of this name.
    #[must_use]
    pub fn seat_of(&self, name: &str) -> Option<RaceId> {
        self.seats().find(|(_, race)| race.name == name).map(|(id, _)| id)
    }

    /// A race.
    #[must_use]
    pub fn race(&self, id: RaceId) -> Option<&Race> {
        self.races.get(usize::from(id.0))
    }

    /// A race, to change.
    pub fn race_mut(&mut self, id: RaceId) -> Option<&mut Race> {
        self.races.get_mut(usize::from(id.0))
    }

    /// The name of a race; empty for a seat that is not taken.
    #[must_use]
    pub fn race_name(&self, id: RaceId) -> String {
        self.race(id).map(|race| race.name.clone()).unwrap_or_default()
    }

    /// A planet.
    #[must_use]
    pub fn planet(&self, id: PlanetId) -> Option<&Planet> {
        self.planets.get(usize::try_from(id.0.checked_sub(1)?).ok()?)
    }

    /// A planet, to change.
    pub fn planet_mut(&mut self, id: PlanetId) -> Option<&mut Planet> {
        self.planets.get_mut(usize::try_from(id.0.checked_sub(1)?).ok()?)
    }

    /// The planets that a race holds.
    pub fn planets_of(&self, id: RaceId) -> impl Iterator<Item = &Planet> {
        self.planets.iter().filter(move |planet| planet.owner == Some(id))
    }

    /// A number for a new fleet.
    pub fn number_fleet(&mut self) -> FleetId {
        let id = FleetId(self.next_fleet);
        self.next_fleet += 1;
        id
    }

    /// Notes an event for some races, or for everybody if `readers` is empty.
    pub fn tell(&mut self, readers: impl IntoIterator<Item = RaceId>, what: What) {
        self.events.push(Event { readers: readers.into_iter().collect(), what });
    }

    /// SHA-256 of the state's JSON, in hex: equal for equal games, whatever machine played them.
    ///
    /// # Errors
    /// Only if the state cannot be written as JSON, which its types rule out.
    pub fn fingerprint(&self) -> serde_json::Result<String> {
        Ok(hex::encode(Sha256::digest(serde_json::to_vec(self)?)))
    }
}
