//! What a race can learn, and what it has learnt.

use serde::{Deserialize, Serialize};

use super::rules::{BASE_SPEED, LEVEL_COST};

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

    pub(super) fn raise(&mut self, technology: Technology) {
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
