//! What engines are asked through and what they answer.

use serde::Deserialize;
use serde_json::value::RawValue;

use super::EngineError;
use crate::ids::GameId;
use crate::secret::Secret;

/// Which engine, and the token that lets us drive it.
#[derive(Debug, Clone)]
pub struct EngineTarget {
    /// Base URL, as in `http://galaxy-game-…:8080`.
    pub endpoint: String,
    /// The engine's own bearer token (`runtime_records.engine_token`).
    pub token: Secret,
}

/// The engine's view of its game. Members beyond the contract are tolerated.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct EngineStatus {
    /// The game that it was initialised for.
    pub game_id: GameId,
    /// The turn now open, from 0.
    pub turn: i32,
    /// Whether the game was played to its end.
    pub finished: bool,
    /// Every race that was ever in the game.
    pub races: Vec<EngineRace>,
    /// Who won; empty until finished, and where nobody did.
    #[serde(default)]
    pub winners: Vec<String>,
}

/// One race in the engine's status.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct EngineRace {
    /// As given to `init`.
    pub race_name: String,
    /// Planets held.
    #[serde(default)]
    pub planets: f64,
    /// People, in the engine's own unit.
    #[serde(default)]
    pub population: f64,
    /// Whether the race is out of the game.
    pub extinct: bool,
}

pub(super) fn status(body: &[u8]) -> Result<EngineStatus, EngineError> {
    let status: EngineStatus =
        serde_json::from_slice(body).map_err(|error| EngineError::BadAnswer(format!("status: {error}")))?;
    if status.turn < 0 {
        return Err(EngineError::BadAnswer("status: a negative turn".into()));
    }
    Ok(status)
}

pub(super) fn raw(body: &[u8]) -> Result<Box<RawValue>, EngineError> {
    // An engine that has nothing to say may say nothing: it becomes JSON's own nothing.
    if body.iter().all(u8::is_ascii_whitespace) {
        return Ok(RawValue::NULL.to_owned());
    }
    serde_json::from_slice(body).map_err(|error| EngineError::BadAnswer(format!("not JSON: {error}")))
}
