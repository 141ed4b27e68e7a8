//! Orders: what a race wants done when the turn closes.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::fleet::{Fleet, FleetId};
use super::planet::{Focus, PlanetId};
use super::race::{RaceId, Technology};
use super::state::Game;
use super::{Fault, Refusal};

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

const KINDS: [&str; 4] = ["send_fleet", "recall_fleet", "set_focus", "set_research"];

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

impl Game {
    /// Takes a race's orders for the turn in place of its earlier ones, all or none.
    ///
    /// # Errors
    /// Refused for an unknown race, too many orders, or orders that would fail now.
    pub fn order(&self, race_name: &str, orders: &[Value]) -> Result<Game, Refusal> {
        let race = self.seat_of(race_name).ok_or(Refusal::UnknownRace)?;
        if orders.len() > MAX_ORDERS {
            let fault = Fault::new("too_many_orders", format!("at most {MAX_ORDERS} orders a turn"));
            return Err(Refusal::InvalidOrders(vec![fault.at("/orders")]));
        }
        // The orders are tried on a copy, one after the other, as the turn will carry them out.
        let (mut trial, mut taken, mut faults) = (self.clone(), Vec::new(), Vec::new());
        for (index, value) in orders.iter().enumerate() {
            let tried = parse::<Order>(value, &KINDS).and_then(|order| trial.carry_out(race, &order).map(|()| order));
            match tried {
                Ok(order) => taken.push(order),
                Err(fault) => faults.push(fault.at(format!("/orders/{index}"))),
            }
        }
        if !faults.is_empty() {
            return Err(Refusal::InvalidOrders(faults));
        }
        let mut game = self.clone();
        if let Some(race) = game.race_mut(race) {
            race.orders = taken;
        }
        Ok(game)
    }

    /// Carries out one order of a race now.
    ///
    /// # Errors
    /// The fault that makes it impossible; nothing has changed then.
    pub fn carry_out(&mut self, race: RaceId, order: &Order) -> Result<(), Fault> {
        match order {
            Order::SendFleet { from, to, ships } => self.send_fleet(race, *from, *to, *ships),
            Order::RecallFleet { fleet } => self.recall_fleet(race, *fleet),
            Order::SetFocus { planet, focus } => self.set_focus(race, *planet, *focus),
            Order::SetResearch { technology } => self.set_research(race, *technology),
        }
    }

    fn send_fleet(&mut self, race: RaceId, from: PlanetId, to: PlanetId, ships: u32) -> Result<(), Fault> {
        let target = self.planet(to).ok_or_else(|| unknown_planet(to))?.position;
        let speed = self.race(race).map(|race| race.technologies.speed()).unwrap_or(1);
        let map = self.map;
        let source = self.own_planet(race, from)?;
        if from == to {
            return Err(Fault::new("same_planet", "a fleet must go to another planet"));
        }
        if ships == 0 {
            return Err(Fault::new("no_ships", "a fleet has at least one ship"));
        }
        let left = source.ships.checked_sub(ships);
        let in_orbit = source.ships;
        source.ships =
            left.ok_or_else(|| Fault::new("not_enough_ships", format!("{in_orbit} ships are left there")))?;
        let remaining = map.travel_turns(source.position, target, speed);
        let id = self.number_fleet();
        self.fleets.push(Fleet { id, owner: race, ships, from, to, flown: 0, remaining });
        Ok(())
    }

    fn recall_fleet(&mut self, race: RaceId, id: FleetId) -> Result<(), Fault> {
        let fleet = self.fleets.iter_mut().find(|fleet| fleet.id == id && fleet.owner == race);
        fleet.ok_or_else(|| Fault::new("unknown_fleet", format!("you have no fleet {}", id.0)))?.recall();
        Ok(())
    }

    pub(super) fn set_focus(&mut self, race: RaceId, planet: PlanetId, focus: Focus) -> Result<(), Fault> {
        self.own_planet(race, planet)?.focus = focus;
        Ok(())
    }

    pub(super) fn set_research(&mut self, race: RaceId, technology: Technology) -> Result<(), Fault> {
        if let Some(race) = self.race_mut(race) {
            race.research = technology;
        }
        Ok(())
    }

    pub(super) fn own_planet(&mut self, race: RaceId, id: PlanetId) -> Result<&mut super::planet::Planet, Fault> {
        let planet = self.planet_mut(id).ok_or_else(|| unknown_planet(id))?;
        if planet.owner != Some(race) {
            return Err(Fault::new("not_your_planet", format!("planet {} is not yours", id.0)));
        }
        Ok(planet)
    }
}

fn unknown_planet(id: PlanetId) -> Fault {
    Fault::new("unknown_planet", format!("there is no planet {}", id.0))
}
