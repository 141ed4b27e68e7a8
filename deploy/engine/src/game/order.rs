//! Orders: what a race wants done when the turn closes.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::Fault;
use super::fleet::FleetId;
use super::planet::{Focus, PlanetId};
use super::technology::Technology;

/// Orders that one race may give in a turn.
pub const MAX_ORDERS: usize = 1000;

/// One order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum Order {
    /// Sends ships from the garrison of an own planet to any other planet.
    SendFleet {
        /// Where from.
        from: PlanetId,
        /// Where to.
        to: PlanetId,
        /// How many, at least one.
        ships: u32,
    },
    /// Turns a fleet round.
    RecallFleet {
        /// The fleet that is meant.
        fleet: FleetId,
    },
    /// Sets what an own planet makes.
    SetFocus {
        /// The planet that is meant.
        planet: PlanetId,
        /// What the planet makes from now on.
        focus: Focus,
    },
    /// Sets what the race learns; points saved so far are kept.
    SetResearch {
        /// The technology that the race learns.
        technology: Technology,
    },
}

/// The `kind`s that there are.
pub(super) const KINDS: [&str; 4] = ["send_fleet", "recall_fleet", "set_focus", "set_research"];

impl Order {
    /// The order's `kind`.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::SendFleet { .. } => "send_fleet",
            Self::RecallFleet { .. } => "recall_fleet",
            Self::SetFocus { .. } => "set_focus",
            Self::SetResearch { .. } => "set_research",
        }
    }
}

/// Reads one action of a known kind from the player's JSON.
///
/// # Errors
/// `not_an_object`, `missing_kind`, `unknown_kind`, or `malformed` for wrong or unknown fields.
pub fn parse<T: DeserializeOwned>(value: &Value, kinds: &[&str]) -> Result<T, Fault> {
    let object = value.as_object().ok_or_else(|| Fault::new("not_an_object", "an object is expected"))?;
    let kind = object.get("kind").and_then(Value::as_str);
    let kind = kind.ok_or_else(|| Fault::new("missing_kind", "the field `kind` is missing or not a string"))?;
    if !kinds.contains(&kind) {
        return Err(Fault::new("unknown_kind", format!("`kind` is one of: {}", kinds.join(", "))));
    }
    serde_json::from_value(value.clone()).map_err(|error| Fault::new("malformed", error.to_string()))
}
