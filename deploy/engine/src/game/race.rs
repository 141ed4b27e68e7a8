//! Races: the players' peoples, and what they know.

use serde::{Deserialize, Serialize};

use super::order::Order;
pub use super::seat::RaceId;
pub use super::technology::{Technologies, Technology};

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
    use super::super::rules::LEVEL_COST;
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
