//! Closing a turn: orders, flight, battles, production, research, and whether somebody has won. A pure function of the
//! state, so that closing the same turn again, after a crash, gives the same next turn.

use std::collections::{BTreeMap, BTreeSet};

use super::chance::Chance;
use super::combat::{Side, fight};
use super::event::{BattleSide, What};
use super::fleet::Fleet;
use super::planet::{Planet, PlanetId};
use super::race::RaceId;
use super::state::Game;

impl Game {
    /// The game after this turn has closed.
    #[must_use]
    pub fn next_turn(&self) -> Game {
        let mut game = self.clone();
        game.events.clear();
        for race_name in std::mem::take(&mut game.banished) {
            game.tell([], What::RaceBanished { race_name });
        }
        // A note is read in the turn that it was written in and in the next one.
        game.messages.retain(|message| message.turn == self.turn);
        game.carry_out_orders();
        let arrived = game.fly();
        let taken = game.settle_arrivals(arrived);
        game.produce(&taken);
        game.turn += 1;
        game.note_extinct();
        game.decide();
        game
    }

    fn carry_out_orders(&mut self) {
        let seats: Vec<RaceId> = self.seats().map(|(id, _)| id).collect();
        for id in seats {
            let orders = self.race_mut(id).map(|race| std::mem::take(&mut race.orders)).unwrap_or_default();
            for order in orders {
                // Orders were tried when they came in; only what has changed since, by a banishment, can make one fail.
                if let Err(fault) = self.carry_out(id, &order) {
                    self.tell([id], What::OrderDropped { order: order.kind().into(), code: fault.code.into() });
                }
            }
        }
    }

    #[cfg(test)]
    pub(super) fn carry_out_orders_for_test(&mut self) {
        self.carry_out_orders();
    }

    fn fly(&mut self) -> Vec<Fleet> {
        let (mut arrived, mut flying) = (Vec::new(), Vec::new());
        for mut fleet in std::mem::take(&mut self.fleets) {
            if fleet.fly() {
                arrived.push(fleet);
            } else {
                flying.push(fleet);
            }
        }
        self.fleets = flying;
        arrived
    }

    /// Fleets join the garrison or fight for the planet; answers the planets that changed hands.
    fn settle_arrivals(&mut self, arrived: Vec<Fleet>) -> BTreeSet<PlanetId> {
        let mut visitors: BTreeMap<PlanetId, BTreeMap<RaceId, u32>> = BTreeMap::new();
        for fleet in arrived {
            let Some(planet) = self.planet_mut(fleet.to) else { continue };
            if planet.owner == Some(fleet.owner) {
                planet.ships = planet.ships.saturating_add(fleet.ships);
                let what = What::FleetArrived { fleet: fleet.id, planet: fleet.to, ships: fleet.ships };
                self.tell([fleet.owner], what);
            } else {
                let ships = visitors.entry(fleet.to).or_default().entry(fleet.owner).or_default();
                *ships = ships.saturating_add(fleet.ships);
            }
        }
        let mut taken = BTreeSet::new();
        for (planet, visitors) in visitors {
            if self.contest(planet, &visitors) {
                taken.insert(planet);
            }
        }
        taken
    }

    /// The fight for one planet; answers whether it changed hands.
    fn contest(&mut self, id: PlanetId, visitors: &BTreeMap<RaceId, u32>) -> bool {
        let Some(planet) = self.planet(id) else { return false };
        let owner = planet.owner;
        let mut sides = vec![self.side(owner, planet.ships)];
        sides.extend(visitors.iter().map(|(race, ships)| self.side(Some(*race), *ships)));
        sides.retain(|side| side.ships > 0);
        let before: Vec<u32> = sides.iter().map(|side| side.ships).collect();

        let mut chance = Chance::stream(self.seed, "battle", &[u64::from(self.turn), u64::from(id.0)]);
        fight(&mut sides, &mut chance);
        if sides.len() > 1 {
            let account = |(side, before): (&Side, u32)| BattleSide {
                race_name: side.race.map(|race| self.race_name(race)),
                before,
                after: side.ships,
            };
            let accounts = sides.iter().zip(before).map(account).collect();
            let readers: BTreeSet<RaceId> = visitors.keys().copied().chain(owner).collect();
            self.tell(readers, What::Battle { planet: id, sides: accounts });
        }
        let winner = sides.iter().find(|side| side.ships > 0).map(|side| (side.race, side.ships));
        match winner {
            Some((Some(race), ships)) if owner != Some(race) => {
                self.hand_over(id, owner, race, ships);
                true
            }
            other => {
                if let Some(planet) = self.planet_mut(id) {
                    planet.ships = other.map(|(_, ships)| ships).unwrap_or(0);
                }
                false
            }
        }
    }

    fn hand_over(&mut self, id: PlanetId, from: Option<RaceId>, to: RaceId, ships: u32) {
        if let Some(planet) = self.planet_mut(id) {
            planet.taken_by(to, ships);
        }
        let by = self.race_name(to);
        match from {
            Some(loser) => {
                let from = self.race_name(loser);
                self.tell([to, loser], What::PlanetConquered { planet: id, by, from });
            }
            None => self.tell([to], What::PlanetColonised { planet: id, by }),
        }
    }

    fn side(&self, race: Option<RaceId>, ships: u32) -> Side {
        let technologies = race.and_then(|race| self.race(race)).map(|race| race.technologies);
        Side { race, ships, technologies: technologies.unwrap_or_default() }
    }

    /// Every planet with an owner grows and produces, but for those that changed hands this turn.
    fn produce(&mut self, taken: &BTreeSet<PlanetId>) {
        let mut research: BTreeMap<RaceId, u32> = BTreeMap::new();
        for planet in self.planets.iter_mut().filter(|planet| !taken.contains(&planet.id)) {
            if let Some(owner) = planet.owner {
                let points = research.entry(owner).or_default();
                *points = points.saturating_add(planet.produce());
            }
        }
        for (id, points) in research {
            let Some(race) = self.race_mut(id) else { continue };
            let technology = race.research;
            for level in race.learn(points) {
                self.tell([id], What::TechnologyAdvanced { technology, level });
            }
        }
    }

    fn note_extinct(&mut self) {
        let alive: BTreeSet<RaceId> = self
            .planets
            .iter()
            .filter_map(|planet: &Planet| planet.owner)
            .chain(self.fleets.iter().map(|fleet| fleet.owner))
            .collect();
        let gone: Vec<RaceId> =
            self.seats().filter(|(id, race)| !race.extinct && !alive.contains(id)).map(|(id, _)| id).collect();
        for id in gone {
            if let Some(race) = self.race_mut(id) {
                race.extinct = true;
                let race_name = race.name.clone();
                self.tell([], What::RaceExtinct { race_name });
            }
        }
    }

    /// The last race left wins; at the turn limit the most people win, together where they are as many. Nobody wins
    /// where nobody is left.
    fn decide(&mut self) {
        let left: Vec<_> = self.standings().into_iter().filter(|race| !race.extinct).collect();
        let contested = left.len() > 1 || (self.races.len() == 1 && left.len() == 1);
        if contested && self.turn < self.rules.turn_limit {
            return;
        }
        let most = left.iter().map(|race| race.population).max().unwrap_or(0);
        let winners: Vec<String> =
            left.into_iter().filter(|race| race.population == most).map(|race| race.race_name).collect();
        self.finished = true;
        self.winners.clone_from(&winners);
        self.tell([], What::GameFinished { winners });
    }
}
