//! The status that the platform reads (SPEC §9).

use super::state::Game;

/// A game in short.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Status {
    /// The game.
    pub game_id: String,
    /// The turn that is open for orders.
    pub turn: u32,
    /// Whether it is over.
    pub finished: bool,
    /// Who won; empty until it is over.
    pub winners: Vec<String>,
    /// Every race, by name.
    pub races: Vec<Standing>,
}

/// Where one race stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Standing {
    /// Its name.
    pub race_name: String,
    /// Planets held.
    pub planets: u32,
    /// People on them.
    pub population: u32,
    /// Whether it is out of the game.
    pub extinct: bool,
}

impl Game {
    /// The status of the game.
    #[must_use]
    pub fn status(&self) -> Status {
        Status {
            game_id: self.game_id.clone(),
            turn: self.turn,
            finished: self.finished,
            winners: self.winners.clone(),
            races: self.standings(),
        }
    }

    /// Where every race stands, in the order of their names.
    #[must_use]
    pub fn standings(&self) -> Vec<Standing> {
        self.seats()
            .map(|(id, race)| {
                let (mut planets, mut population) = (0, 0_u32);
                for planet in self.planets.iter().filter(|planet| planet.owner == Some(id)) {
                    planets += 1;
                    population = population.saturating_add(planet.population);
                }
                Standing { race_name: race.name.clone(), planets, population, extinct: race.extinct }
            })
            .collect()
    }
}
