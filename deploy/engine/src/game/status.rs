//! Where the races stand.

use super::state::Game;

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
