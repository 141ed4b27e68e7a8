//! The balance of games that begin in this engine: from its environment, and from a game's own settings.

use serde::Deserialize;
use serde_json::{Map, Value};

use galaxy_engine_sdk::{Fault, Faults};

use crate::game::Rules;

/// Turns that a game may have.
const TURN_LIMITS: std::ops::RangeInclusive<u32> = 1..=100_000;
/// Planets around a home that a game may have.
const COLONIES: std::ops::RangeInclusive<u32> = 0..=20;

/// Reads `GALAXY_TURN_LIMIT` and `GALAXY_COLONIES_PER_RACE` through `lookup`, which is `std::env::var` but for tests.
///
/// # Errors
/// [`Faults`] with every fault at once.
pub fn rules(lookup: &dyn Fn(&str) -> Option<String>) -> Result<Rules, Faults> {
    let mut faults = Vec::new();
    let mut number = |name: &str, default: u32, range: &std::ops::RangeInclusive<u32>| {
        let Some(text) = lookup(name).filter(|value| !value.is_empty()) else { return default };
        text.parse().ok().filter(|number| range.contains(number)).unwrap_or_else(|| {
            let (lowest, highest) = (range.start(), range.end());
            faults.push(format!("{name} must be a number from {lowest} to {highest}, not {text:?}"));
            default
        })
    };
    let default = Rules::default();
    let rules = Rules {
        turn_limit: number("GALAXY_TURN_LIMIT", default.turn_limit, &TURN_LIMITS),
        colonies_per_race: number("GALAXY_COLONIES_PER_RACE", default.colonies_per_race, &COLONIES),
    };
    if faults.is_empty() { Ok(rules) } else { Err(Faults(faults)) }
}

/// What a game's settings may hold; what they leave out is the environment's.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct GameSettings {
    turn_limit: Option<u32>,
    colonies_per_race: Option<u32>,
}

/// The balance of one game.
///
/// # Errors
/// The fault of a setting that is unknown, of the wrong type or out of range.
pub fn of_game(settings: &Map<String, Value>, rules: Rules) -> Result<Rules, Fault> {
    let wrong = |detail: String| Fault::new("bad_setting", detail).at("/settings");
    let given: GameSettings =
        serde_json::from_value(Value::Object(settings.clone())).map_err(|error| wrong(error.to_string()))?;
    let within = |name: &str, given: Option<u32>, range: &std::ops::RangeInclusive<u32>, default: u32| match given {
        Some(number) if !range.contains(&number) => {
            let detail = format!("must be a number from {} to {}", range.start(), range.end());
            Err(Fault::new("bad_setting", detail).at(format!("/settings/{name}")))
        }
        given => Ok(given.unwrap_or(default)),
    };
    Ok(Rules {
        turn_limit: within("turn_limit", given.turn_limit, &TURN_LIMITS, rules.turn_limit)?,
        colonies_per_race: within("colonies_per_race", given.colonies_per_race, &COLONIES, rules.colonies_per_race)?,
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn all_faults_are_told_at_once() {
        let of = |name: &str| name.starts_with("GALAXY_").then(|| "many".to_owned());
        assert_eq!(rules(&of).unwrap_err().0.len(), 2);
        assert_eq!(rules(&|_| None).unwrap(), Rules::default());
    }

    #[test]
    fn a_games_settings_are_its_own_and_checked() {
        let of = |settings: Value| of_game(settings.as_object().unwrap(), Rules::default());
        assert_eq!(of(json!({})).unwrap(), Rules::default());
        let rules = of(json!({"turn_limit": 3, "colonies_per_race": 0})).unwrap();
        assert_eq!(rules, Rules { turn_limit: 3, colonies_per_race: 0 });
        for (settings, pointer) in [
            (json!({"turn_limit": 0}), "/settings/turn_limit"),
            (json!({"colonies_per_race": 21}), "/settings/colonies_per_race"),
            (json!({"turn_limit": "many"}), "/settings"),
            (json!({"turn_limits": 3}), "/settings"),
        ] {
            assert_eq!(of(settings).unwrap_err().pointer, pointer);
        }
    }
}
