//! The bodies of the engine API.

use std::collections::BTreeMap;

use poem_openapi::Object;
use serde_json::Value;

use crate::engine::Standing;

/// That the engine is alive.
#[derive(Debug, Object)]
pub struct Health {
    /// `ok`.
    pub status: String,
}

/// A race that takes part.
#[derive(Debug, Object)]
#[oai(deny_unknown_fields)]
pub struct RaceEntry {
    /// The race's name, as its player chose it.
    pub race_name: String,
}

/// How a game begins.
#[derive(Debug, Object)]
#[oai(deny_unknown_fields)]
pub struct InitRequest {
    /// The game's id, the one in `GALAXY_GAME_ID`.
    pub game_id: String,
    /// The races; their order does not matter.
    pub races: Vec<RaceEntry>,
    /// The game's settings: an object that only the engine understands, empty where nobody set any.
    #[oai(default)]
    pub settings: BTreeMap<String, Value>,
}

/// Which turn to close.
#[derive(Debug, Object)]
#[oai(deny_unknown_fields)]
pub struct TurnRequest {
    /// The turn being closed: the one that the caller knows as current.
    pub expected_turn: u32,
}

/// Which race to remove.
#[derive(Debug, Object)]
#[oai(deny_unknown_fields)]
pub struct BanishRequest {
    /// The race's name.
    pub race_name: String,
}

/// Commands, carried out at once, all or none.
#[derive(Debug, Object)]
#[oai(deny_unknown_fields)]
pub struct CommandRequest {
    /// The race that commands.
    pub race_name: String,
    /// The commands: JSON that only the engine understands.
    pub commands: Vec<Value>,
}

/// Orders for the current turn, in place of the race's earlier ones.
#[derive(Debug, Object)]
#[oai(deny_unknown_fields)]
pub struct OrderRequest {
    /// The race that orders.
    pub race_name: String,
    /// The turn that the orders are for, which must be the current one.
    pub turn: u32,
    /// The orders: JSON that only the engine understands.
    pub orders: Vec<Value>,
}

/// That commands or orders were taken. An image may add fields of its own.
#[derive(Debug, Object)]
pub struct Taken {
    /// The current turn.
    pub turn: u32,
    /// How many were taken.
    pub accepted: u32,
}

/// Where a race stands.
#[derive(Debug, Object)]
pub struct RaceStatus {
    /// The race's name.
    pub race_name: String,
    /// Planets that it holds, where the game has such a thing.
    #[oai(skip_serializing_if_is_none)]
    pub planets: Option<u64>,
    /// People, where the game has such a thing.
    #[oai(skip_serializing_if_is_none)]
    pub population: Option<u64>,
    /// Whether it is out of the game.
    pub extinct: bool,
}

/// Where the game stands.
#[derive(Debug, Object)]
pub struct GameStatus {
    /// The game's id.
    pub game_id: String,
    /// The current turn: 0 after `init`, one more with each turn closed.
    pub turn: u32,
    /// Whether the game is over.
    pub finished: bool,
    /// The names of the races that won; empty until the game is over.
    pub winners: Vec<String>,
    /// Every race that was in `init`.
    pub races: Vec<RaceStatus>,
}

impl From<Standing> for GameStatus {
    fn from(standing: Standing) -> Self {
        let Standing { game_id, turn, status } = standing;
        let races = status.races.into_iter().map(|race| RaceStatus {
            race_name: race.race_name,
            planets: race.planets,
            population: race.population,
            extinct: race.extinct,
        });
        Self { game_id, turn, finished: status.finished, winners: status.winners, races: races.collect() }
    }
}
