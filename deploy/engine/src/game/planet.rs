//! Planets: who holds them, who lives there, and what they make.

use serde::{Deserialize, Serialize};

use super::map::Position;
use super::rules::{COLONISTS, INDUSTRY_COST, SHIP_COST};
use super::seat::RaceId;

/// A planet's number, from 1, the same for all races.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct PlanetId(pub u32);

/// What a planet's production goes into.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Focus {
    /// More industry, up to the population; what is left over goes into research.
    #[default]
    Industry,
    /// Warships, added to the garrison.
    Ships,
    /// Research points for the whole race.
    Research,
}

/// One planet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Planet {
    /// Its number.
    pub id: PlanetId,
    /// What it is called; its owner may rename it.
    pub name: String,
    /// Where it is.
    #[serde(flatten)]
    pub position: Position,
    /// Who holds it, if anyone.
    pub owner: Option<RaceId>,
    /// People it can feed.
    pub size: u32,
    /// People on it.
    pub population: u32,
    /// Factories, never more than people.
    pub industry: u32,
    /// Ships in orbit: the owner's garrison, or the natives' militia.
    pub ships: u32,
    /// What its production goes into.
    pub focus: Focus,
    /// Production points saved towards the next ship or factory.
    pub progress: u32,
}

impl Planet {
    /// Production points in a turn: industry counts three times as much as hands.
    #[must_use]
    pub fn production(&self) -> u32 {
        (self.industry.saturating_mul(3).saturating_add(self.population)) / 4
    }

    /// A turn of growth and production; answers the research points made.
    pub fn produce(&mut self) -> u32 {
        let points = self.production();
        self.grow();
        match self.focus {
            Focus::Research => points,
            Focus::Ships => {
                let saved = self.progress.saturating_add(points);
                self.ships = self.ships.saturating_add(saved / SHIP_COST);
                self.progress = saved % SHIP_COST;
                0
            }
            Focus::Industry => {
                let saved = self.progress.saturating_add(points);
                let room = self.population.saturating_sub(self.industry);
                let built = room.min(saved / INDUSTRY_COST);
                self.industry += built;
                if built < room {
                    self.progress = saved % INDUSTRY_COST;
                    0
                } else {
                    self.progress = 0;
                    saved - built * INDUSTRY_COST
                }
            }
        }
    }

    fn grow(&mut self) {
        if self.population == 0 {
            return;
        }
        let room = self.size.saturating_sub(self.population);
        let births = 1 + self.population.saturating_mul(room) / (self.size.max(1) * 8);
        self.population += births.min(room);
    }

    /// Another race takes the planet with the ships that are left. A third of the people and half of the industry are
    /// lost in the fighting; an uninhabited planet becomes a colony.
    pub fn taken_by(&mut self, race: RaceId, ships: u32) {
        self.owner = Some(race);
        self.ships = ships;
        self.focus = Focus::default();
        self.progress = 0;
        if self.population == 0 {
            self.population = COLONISTS.min(self.size);
            self.industry = 0;
        } else {
            self.population -= self.population / 3;
            self.industry = (self.industry / 2).min(self.population);
        }
    }

    /// The planet falls back to its people: no owner, no ships.
    pub fn abandon(&mut self) {
        self.owner = None;
        self.ships = 0;
        self.focus = Focus::default();
        self.progress = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn planet(population: u32, industry: u32, focus: Focus) -> Planet {
        Planet {
            id: PlanetId(1),
            name: "Test".into(),
            position: Position { x: 0, y: 0 },
            owner: Some(RaceId(0)),
            size: 100,
            population,
            industry,
            ships: 0,
            focus,
            progress: 0,
        }
    }

    #[test]
    fn ships_are_paid_for_in_full() {
        let mut planet = planet(100, 50, Focus::Ships);
        assert_eq!(planet.production(), 62);
        assert_eq!(planet.produce(), 0);
        assert_eq!((planet.ships, planet.progress), (6, 2));
    }

    #[test]
    fn industry_stops_at_the_population_and_the_rest_is_research() {
        let mut planet = planet(100, 98, Focus::Industry);
        let points = planet.production();
        assert_eq!(planet.produce(), points - 2 * INDUSTRY_COST);
        assert_eq!(planet.industry, 100);
    }

    #[test]
    fn people_never_outgrow_the_planet() {
        let mut planet = planet(10, 0, Focus::Research);
        for _ in 0..200 {
            let before = planet.population;
            planet.produce();
            assert!(planet.population >= before && planet.population <= planet.size);
        }
        assert_eq!(planet.population, planet.size);
    }

    #[test]
    fn an_empty_planet_stays_empty_until_it_is_settled() {
        let mut planet = planet(0, 0, Focus::Industry);
        planet.produce();
        assert_eq!(planet.population, 0);
        planet.taken_by(RaceId(1), 3);
        assert_eq!((planet.population, planet.ships, planet.owner), (COLONISTS, 3, Some(RaceId(1))));
    }
}
