//! What happened when a turn closed, and who gets to read it.

use serde::{Deserialize, Serialize};

use super::fleet::FleetId;
use super::planet::PlanetId;
use super::race::{RaceId, Technology};

/// Something that happened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Event {
    /// Who reads it in the report; everybody if empty.
    pub readers: Vec<RaceId>,
    /// What happened.
    pub what: What,
}

/// One side's account of a battle.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BattleSide {
    /// The race; `null` for the natives.
    pub race_name: Option<String>,
    /// Ships before.
    pub before: u32,
    /// Ships after.
    pub after: u32,
}

/// The kinds of events, as they stand in a report.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum What {
    /// A fleet came to a planet of its own race.
    FleetArrived {
        /// The fleet.
        fleet: FleetId,
        /// The planet.
        planet: PlanetId,
        /// Its ships.
        ships: u32,
    },
    /// Ships fought over a planet.
    Battle {
        /// The planet.
        planet: PlanetId,
        /// Everyone who fought.
        sides: Vec<BattleSide>,
    },
    /// A planet was taken from another race.
    PlanetConquered {
        /// The planet.
        planet: PlanetId,
        /// Who took it.
        by: String,
        /// Who lost it.
        from: String,
    },
    /// A planet without an owner was taken.
    PlanetColonised {
        /// The planet.
        planet: PlanetId,
        /// Who took it.
        by: String,
    },
    /// A level of technology was reached.
    TechnologyAdvanced {
        /// The technology that advanced.
        technology: Technology,
        /// The level.
        level: u32,
    },
    /// An order could no longer be carried out.
    OrderDropped {
        /// The order's `kind`.
        order: String,
        /// The fault's code.
        code: String,
    },
    /// A race lost its last planet and ship.
    RaceExtinct {
        /// The race's name.
        race_name: String,
    },
    /// The platform removed a race.
    RaceBanished {
        /// The race's name.
        race_name: String,
    },
    /// The game is over.
    GameFinished {
        /// Who won.
        winners: Vec<String>,
    },
}
