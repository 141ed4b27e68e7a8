//! What a race gets to see of a turn.

use serde::Serialize;
use serde_json::Value;

use super::Refusal;
use super::event::What;
use super::fleet::FleetId;
use super::map::{Map, Position};
use super::order::Order;
use super::planet::{Focus, Planet, PlanetId};
use super::race::{Race, RaceId, Technologies, Technology};
use super::rules::SENSOR_RANGE;
use super::state::Game;

#[derive(Serialize)]
struct Report<'a> {
    game_id: &'a str,
    turn: u32,
    turn_limit: u32,
    finished: bool,
    winners: &'a [String],
    race_name: &'a str,
    extinct: bool,
    map: Map,
    technologies: Technologies,
    research: Research,
    planets: Vec<OwnPlanet<'a>>,
    neighbours: Vec<Neighbour<'a>>,
    unexplored: Vec<Star>,
    fleets: Vec<OwnFleet>,
    incoming: Vec<Incoming>,
    orders: &'a [Order],
    events: Vec<&'a What>,
    messages: Vec<Note<'a>>,
    scores: Vec<Score>,
}

#[derive(Serialize)]
struct Research {
    technology: Technology,
    points: u32,
    next_level_cost: u32,
}

#[derive(Serialize)]
struct OwnPlanet<'a> {
    id: PlanetId,
    name: &'a str,
    #[serde(flatten)]
    position: Position,
    size: u32,
    population: u32,
    industry: u32,
    production: u32,
    ships: u32,
    focus: Focus,
    progress: u32,
}

#[derive(Serialize)]
struct Neighbour<'a> {
    id: PlanetId,
    name: &'a str,
    #[serde(flatten)]
    position: Position,
    owner: Option<String>,
    size: u32,
    population: u32,
    ships: u32,
}

#[derive(Serialize)]
struct Star {
    id: PlanetId,
    #[serde(flatten)]
    position: Position,
}

#[derive(Serialize)]
struct OwnFleet {
    id: FleetId,
    ships: u32,
    from: PlanetId,
    to: PlanetId,
    arrives_turn: u32,
}

#[derive(Serialize)]
struct Incoming {
    race_name: String,
    ships: u32,
    to: PlanetId,
    arrives_turn: u32,
}

#[derive(Serialize)]
struct Note<'a> {
    turn: u32,
    from: String,
    to: String,
    text: &'a str,
}

#[derive(Serialize)]
struct Score {
    race_name: String,
    planets: u32,
    population: u32,
    extinct: bool,
}

impl Game {
    /// The report of a race on this state of the game. It holds what the race's sensors see, and everything once the
    /// game is over.
    ///
    /// # Errors
    /// [`Refusal::UnknownRace`].
    pub fn report(&self, race_name: &str) -> Result<Value, Refusal> {
        let (id, race) = self.seats().find(|(_, race)| race.name == race_name).ok_or(Refusal::UnknownRace)?;
        Ok(serde_json::to_value(self.write_report(id, race)).unwrap_or(Value::Null))
    }

    fn write_report<'a>(&'a self, id: RaceId, race: &'a Race) -> Report<'a> {
        let (seen, unseen): (Vec<&Planet>, Vec<&Planet>) =
            self.planets.iter().filter(|planet| planet.owner != Some(id)).partition(|planet| self.sees(id, planet));
        Report {
            game_id: &self.game_id,
            turn: self.turn,
            turn_limit: self.rules.turn_limit,
            finished: self.finished,
            winners: &self.winners,
            race_name: &race.name,
            extinct: race.extinct,
            map: self.map,
            technologies: race.technologies,
            research: Research {
                technology: race.research,
                points: race.research_points,
                next_level_cost: race.technologies.next_level_cost(race.research),
            },
            planets: self.planets_of(id).map(own_planet).collect(),
            neighbours: seen.into_iter().map(|planet| self.neighbour(planet)).collect(),
            unexplored: unseen.into_iter().map(|planet| Star { id: planet.id, position: planet.position }).collect(),
            fleets: self.own_fleets(id),
            incoming: self.incoming(id),
            orders: &race.orders,
            events: self
                .events
                .iter()
                .filter(|event| event.readers.is_empty() || event.readers.contains(&id))
                .map(|event| &event.what)
                .collect(),
            messages: self.notes(id),
            scores: self
                .standings()
                .into_iter()
                .map(|race| Score {
                    race_name: race.race_name,
                    planets: race.planets,
                    population: race.population,
                    extinct: race.extinct,
                })
                .collect(),
        }
    }

    fn sees(&self, id: RaceId, planet: &Planet) -> bool {
        let near = |own: &Planet| self.map.within(own.position, planet.position, SENSOR_RANGE);
        self.finished || self.planets_of(id).any(near)
    }

    fn neighbour<'a>(&'a self, planet: &'a Planet) -> Neighbour<'a> {
        Neighbour {
            id: planet.id,
            name: &planet.name,
            position: planet.position,
            owner: planet.owner.map(|owner| self.race_name(owner)),
            size: planet.size,
            population: planet.population,
            ships: planet.ships,
        }
    }

    fn own_fleets(&self, id: RaceId) -> Vec<OwnFleet> {
        let own = self.fleets.iter().filter(|fleet| fleet.owner == id);
        own.map(|fleet| OwnFleet {
            id: fleet.id,
            ships: fleet.ships,
            from: fleet.from,
            to: fleet.to,
            arrives_turn: self.turn + fleet.remaining,
        })
        .collect()
    }

    /// Other races' fleets that are on their way to the race's planets.
    fn incoming(&self, id: RaceId) -> Vec<Incoming> {
        let to_us = |to| self.planet(to).is_some_and(|planet| planet.owner == Some(id));
        let hostile = self.fleets.iter().filter(|fleet| fleet.owner != id && to_us(fleet.to));
        hostile
            .map(|fleet| Incoming {
                race_name: self.race_name(fleet.owner),
                ships: fleet.ships,
                to: fleet.to,
                arrives_turn: self.turn + fleet.remaining,
            })
            .collect()
    }

    fn notes(&self, id: RaceId) -> Vec<Note<'_>> {
        let ours = self.messages.iter().filter(|message| message.from == id || message.to == id);
        ours.map(|message| Note {
            turn: message.turn,
            from: self.race_name(message.from),
            to: self.race_name(message.to),
            text: &message.text,
        })
        .collect()
    }
}

fn own_planet(planet: &Planet) -> OwnPlanet<'_> {
    OwnPlanet {
        id: planet.id,
        name: &planet.name,
        position: planet.position,
        size: planet.size,
        population: planet.population,
        industry: planet.industry,
        production: planet.production(),
        ships: planet.ships,
        focus: planet.focus,
        progress: planet.progress,
    }
}
