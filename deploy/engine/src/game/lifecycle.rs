//! How a game begins, and how a race is removed.

use std::collections::BTreeSet;

use super::chance::seed_of;
use super::galaxy::lay_out;
use super::race::{Race, RaceId};
use super::rules::Rules;
use super::state::Game;
use super::{Fault, Refusal};

/// Races that one game may have: fewer than the platform lets play.
pub const MAX_RACES: usize = 256;

impl Game {
    /// Begins a game at turn 0. The order of the names does not matter.
    ///
    /// # Errors
    /// [`Refusal::InvalidInit`] for too many races.
    pub fn begin(game_id: &str, race_names: &[String], rules: Rules) -> Result<Game, Refusal> {
        if race_names.len() > MAX_RACES {
            let fault = Fault::new("bad_race_count", format!("at most {MAX_RACES} races play"));
            return Err(Refusal::InvalidInit(vec![fault.at("/races")]));
        }
        let seed = seed_of(game_id);
        let names: BTreeSet<&String> = race_names.iter().collect();
        let (map, planets) = lay_out(seed, u16::try_from(names.len()).unwrap_or(u16::MAX), &rules);
        Ok(Game {
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

    /// Removes a race: its planets fall back to their people, its ships are gone. Who wins by that is decided when the turn
    /// closes.
    ///
    /// # Errors
    /// Refused for an unknown race.
    pub fn banish(&self, race_name: &str) -> Result<Game, Refusal> {
        let id = self.seat_of(race_name).ok_or(Refusal::UnknownRace)?;
        let mut game = self.clone();
        game.remove(id);
        game.banished.push(race_name.to_owned());
        Ok(game)
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
