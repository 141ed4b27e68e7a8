//! What engines are asked through and what they answer.

use std::collections::HashSet;
use std::fmt;
use std::marker::PhantomData;

use serde::de::value::MapAccessDeserializer;
use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

use super::EngineError;
use super::door::sound;
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

impl EngineTarget {
    /// Whether both are the same container: each has a token of its own.
    #[must_use]
    pub fn is(&self, other: &Self) -> bool {
        self.endpoint == other.endpoint && self.token.expose() == other.token.expose()
    }
}

/// The most races of a status, and the longest name in bytes: more than any game of ours has, and a bound for what follows.
const RACES: usize = 1_000;
const NAME: usize = 256;

/// The engine's view of its game. Members beyond the contract are tolerated.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct EngineStatus {
    /// The game that it was initialised for.
    pub game_id: GameId,
    /// The turn now open, from 0.
    pub turn: i32,
    /// Whether the game was played to its end.
    pub finished: bool,
    /// Every race that was ever in the game, each once.
    #[serde(deserialize_with = "objects")]
    pub races: Vec<EngineRace>,
    /// Who won, of `races`, each once; empty until finished, and where nobody did.
    #[serde(default)]
    pub winners: Vec<String>,
}

/// One race in the engine's status.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct EngineRace {
    /// As given to `init`.
    pub race_name: String,
    /// Planets held; 0 where the game has none. Never negative.
    #[serde(default)]
    pub planets: f64,
    /// People, in the engine's own unit; 0 where the game has none. Never negative.
    #[serde(default)]
    pub population: f64,
    /// Whether the race is out of the game.
    pub extinct: bool,
}

impl EngineStatus {
    /// The status, if it is that of this game and of exactly these races: those that the game was initialised with. An engine decides
    /// nothing about who plays (SPEC §8).
    ///
    /// # Errors
    /// [`EngineError::OtherGame`]; [`EngineError::BadAnswer`] where races are missing or invented.
    pub fn of(self, game_id: GameId, races: &[String]) -> Result<Self, EngineError> {
        if self.game_id != game_id {
            return Err(EngineError::OtherGame(self.game_id));
        }
        let own: HashSet<&str> = races.iter().map(String::as_str).collect();
        if let Some(foreign) = self.races.iter().find(|race| !own.contains(race.race_name.as_str())) {
            return Err(EngineError::bad(&format!("status: `{}` is no race of this game", foreign.race_name)));
        }
        // Each stands once in it, and all are ours: fewer means that some are missing.
        if self.races.len() < own.len() {
            let shown: HashSet<&str> = self.races.iter().map(|race| race.race_name.as_str()).collect();
            let missing = races.iter().find(|race| !shown.contains(race.as_str())).map(String::as_str);
            return Err(EngineError::bad(&format!("status: the race `{}` is missing", missing.unwrap_or_default())));
        }
        Ok(self)
    }
}

pub(super) fn status(body: &[u8]) -> Result<EngineStatus, EngineError> {
    let bad = |reason: &str| EngineError::bad(&format!("status: {reason}"));
    sound(body)?;
    let Object(status) =
        serde_json::from_slice::<Object<EngineStatus>>(body).map_err(|error| bad(&error.to_string()))?;
    if status.turn < 0 {
        return Err(bad("a negative turn"));
    }
    if status.races.len() > RACES {
        return Err(bad(&format!("more than {RACES} races")));
    }
    let mut names = HashSet::with_capacity(status.races.len());
    for race in &status.races {
        if !(1..=NAME).contains(&race.race_name.len()) {
            return Err(bad(&format!("a race name has 1 to {NAME} bytes")));
        }
        if race.planets < 0.0 || race.population < 0.0 {
            return Err(bad(&format!("`{}` has less than nothing", race.race_name)));
        }
        if !names.insert(race.race_name.as_str()) {
            return Err(bad(&format!("`{}` stands in it twice", race.race_name)));
        }
    }
    if !status.finished && !status.winners.is_empty() {
        return Err(bad("winners of a game that is not finished"));
    }
    for winner in &status.winners {
        if !names.remove(winner.as_str()) {
            return Err(bad(&format!("the winner `{winner}` is none of its races, or stands in it twice")));
        }
    }
    Ok(status)
}

pub(super) fn raw(body: &[u8]) -> Result<Box<RawValue>, EngineError> {
    // An engine that has nothing to say may say nothing: it becomes JSON's own nothing.
    if body.iter().all(u8::is_ascii_whitespace) {
        return Ok(RawValue::NULL.to_owned());
    }
    sound(body)?;
    serde_json::from_slice(body).map_err(|error| EngineError::bad(&format!("not JSON: {error}")))
}

/// A struct that is read from a JSON object only: serde would also take its fields in a row, as an array.
struct Object<T>(T);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Object<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct OfMap<T>(PhantomData<T>);
        impl<'de, T: Deserialize<'de>> Visitor<'de> for OfMap<T> {
            type Value = T;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }
            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<T, A::Error> {
                T::deserialize(MapAccessDeserializer::new(map))
            }
        }
        deserializer.deserialize_map(OfMap(PhantomData)).map(Self)
    }
}

fn objects<'de, D: Deserializer<'de>, T: Deserialize<'de>>(deserializer: D) -> Result<Vec<T>, D::Error> {
    let objects = Vec::<Object<T>>::deserialize(deserializer)?;
    Ok(objects.into_iter().map(|Object(value)| value).collect())
}
