//! Fleets: ships on their way from one planet to another.

use serde::{Deserialize, Serialize};

use super::planet::PlanetId;
use super::seat::RaceId;

/// A fleet's number, never used again in the same game.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct FleetId(pub u32);

/// One fleet under way.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fleet {
    /// Its number.
    pub id: FleetId,
    /// The race that it belongs to.
    pub owner: RaceId,
    /// How many ships, at least one.
    pub ships: u32,
    /// Where it left.
    pub from: PlanetId,
    /// Where it goes.
    pub to: PlanetId,
    /// Turns flown.
    pub flown: u32,
    /// Turns still to fly; it arrives when this reaches 0.
    pub remaining: u32,
}

impl Fleet {
    /// Turns back to where it left, which takes as long as it has flown.
    pub fn recall(&mut self) {
        std::mem::swap(&mut self.from, &mut self.to);
        std::mem::swap(&mut self.flown, &mut self.remaining);
        self.remaining = self.remaining.max(1);
    }

    /// Flies for a turn; answers whether it has arrived.
    pub fn fly(&mut self) -> bool {
        self.flown += 1;
        self.remaining = self.remaining.saturating_sub(1);
        self.remaining == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_recalled_fleet_needs_as_long_back() {
        let (from, to) = (PlanetId(1), PlanetId(2));
        let mut fleet = Fleet { id: FleetId(1), owner: RaceId(0), ships: 3, from, to, flown: 0, remaining: 5 };
        assert!(!fleet.fly());
        assert!(!fleet.fly());
        fleet.recall();
        assert_eq!((fleet.from, fleet.to, fleet.remaining), (to, from, 2));
        assert!(!fleet.fly());
        assert!(fleet.fly());
    }
}
