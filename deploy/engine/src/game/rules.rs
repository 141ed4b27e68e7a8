//! The numbers that balance the game.
//!
//! What an operator may change is in [`Rules`] and is frozen into a game's state when it begins, so that a restart with
//! another environment never changes a running game. The rest are constants.

use serde::{Deserialize, Serialize};

/// Side of the square of space that each race starts in the middle of, in light-years.
pub const CELL: u32 = 12;
/// Light-years that a fleet covers in a turn at drive level 0; each level adds one.
pub const BASE_SPEED: u32 = 6;
/// Light-years within which a planet's sensors show other planets' owners, people and ships.
pub const SENSOR_RANGE: u32 = 13;
/// Production points that a ship costs.
pub const SHIP_COST: u32 = 10;
/// Production points that one unit of industry costs.
pub const INDUSTRY_COST: u32 = 5;
/// Research points for the first level of a technology; level `n + 1` costs `n + 1` times as much.
pub const LEVEL_COST: u32 = 120;
/// Ships at a home planet when the game begins.
pub const HOME_SHIPS: u32 = 10;
/// Population of a home planet when the game begins.
pub const HOME_POPULATION: u32 = 80;
/// Population that a home planet can hold.
pub const HOME_SIZE: u32 = 100;
/// Industry of a home planet when the game begins.
pub const HOME_INDUSTRY: u32 = 60;
/// People that the first ship to land on an uninhabited planet sets down.
pub const COLONISTS: u32 = 10;

/// What an operator may set for the games that begin in this engine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rules {
    /// The turn at which the game ends if nobody has won before (`GALAXY_TURN_LIMIT`).
    pub turn_limit: u32,
    /// Planets without an owner around each home (`GALAXY_COLONIES_PER_RACE`).
    pub colonies_per_race: u32,
}

impl Default for Rules {
    fn default() -> Self {
        Self { turn_limit: 20, colonies_per_race: 3 }
    }
}
