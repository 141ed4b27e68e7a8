//! How orders are taken, and carried out when the turn closes.

use serde_json::Value;

use super::fleet::{Fleet, FleetId};
use super::order::{KINDS, MAX_ORDERS, Order, parse};
use super::planet::{Focus, Planet, PlanetId};
use super::race::RaceId;
use super::state::Game;
use super::technology::Technology;
use super::{Fault, Refusal};

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

    pub(super) fn own_planet(&mut self, race: RaceId, id: PlanetId) -> Result<&mut Planet, Fault> {
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
