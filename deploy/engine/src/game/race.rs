//! Races: the players' peoples, and what they know.

use serde::{Deserialize, Serialize};

use super::order::Order;
use super::rules::{BASE_SPEED, LEVEL_COST};

/// A race's seat in [`super::state::Game::races`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct RaceId(pub u16);

/// What research can raise.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Technology {
    /// How fast fleets fly.
    #[default]
    Drive,
    /// How often a ship hits.
    Weapons,
    /// How often a ship withstands a hit.
    Shields,
}

/// The levels that a race has reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Technologies {
    /// See [`Technology::Drive`].
    pub drive: u32,
    /// See [`Technology::Weapons`].
    pub weapons: u32,
    /// See [`Technology::Shields`].
    pub shields: u32,
}

impl Technologies {
    /// Light-years a turn.
    #[must_use]
    pub fn speed(&self) -> u32 {
        BASE_SPEED.saturating_add(self.drive)
    }

    /// The level of one technology.
    #[must_use]
    pub fn level(&self, technology: Technology) -> u32 {
        match technology {
            Technology::Drive => self.drive,
            Technology::Weapons => self.weapons,
            Technology::Shields => self.shields,
        }
    }

    fn raise(&mut self, technology: Technology) {
        match technology {
            Technology::Drive => self.drive += 1,
            Technology::Weapons => self.weapons += 1,
            Technology::Shields => self.shields += 1,
        }
    }

    /// Research points for the next level.
    #[must_use]
    pub fn next_level_cost(&self, technology: Technology) -> u32 {
        LEVEL_COST.saturating_mul(self.level(technology).saturating_add(1))
    }
}

/// One race.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Race {
    /// Its name, as the platform gave it.
    pub name: String,
    /// Whether it is out of the game.
    pub extinct: bool,
    /// What it has learnt.
    pub technologies: Technologies,
    /// What it is learning.
    pub research: Technology,
    /// Points towards the next level.
    pub research_points: u32,
    /// What it wants done when the turn closes.
    pub orders: Vec<Order>,
}

impl Race {
    /// A race at the beginning of the game.
    #[must_use]
    pub fn new(name: String) -> Self {
        Self {
            name,
            extinct: false,
            technologies: Technologies::default(),
            research: Technology::default(),
            research_points: 0,
            orders: Vec::new(),
        }
    }

    /// Adds research points; answers the levels of the technology reached by them, lowest first.
    pub fn learn(&mut self, points: u32) -> Vec<u32> {
        self.research_points = self.research_points.saturating_add(points);
        let mut reached = Vec::new();
        loop {
            let cost = self.technologies.next_level_cost(self.research);
            if self.research_points < cost {
                return reached;
            }
            self.research_points -= cost;
            self.technologies.raise(self.research);
            reached.push(self.technologies.level(self.research));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels_grow_dearer() {
        let mut race = Race::new("Test".into());
        race.research = Technology::Weapons;
        assert!(race.learn(LEVEL_COST - 1).is_empty());
        assert_eq!(race.learn(1 + 2 * LEVEL_COST), vec![1, 2]);
        assert_eq!(race.technologies, Technologies { drive: 0, weapons: 2, shields: 0 });
        assert_eq!(race.research_points, 0);
    }
}
