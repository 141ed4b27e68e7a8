//! How the planets are laid out when a game begins.

use std::collections::BTreeSet;

use super::chance::Chance;
use super::map::{Map, Position};
use super::planet::{Focus, Planet, PlanetId};
use super::race::RaceId;
use super::rules::{CELL, HOME_INDUSTRY, HOME_POPULATION, HOME_SHIPS, HOME_SIZE, Rules};

const SYLLABLES: [&str; 24] = [
    "al", "an", "ar", "be", "ca", "de", "do", "el", "er", "fa", "ge", "ia", "ka", "le", "mi", "na", "or", "pro", "ri",
    "sa", "ta", "ul", "ve", "zo",
];
/// A colony is at most so far from the middle of its cell along each axis, which keeps it inside.
const REACH: u32 = CELL / 2 - 1;

/// Lays out space for so many races: a grid of equal squares, each with a home in the middle and colonies around it, so
/// that no race is much better off. Squares left over hold colonies only. Which race sits where is drawn.
#[must_use]
pub fn lay_out(seed: u64, races: u16, rules: &Rules) -> (Map, Vec<Planet>) {
    let races = u32::from(races.max(1));
    let columns = (1..=races).find(|side| side * side >= races).unwrap_or(1);
    let rows = races.div_ceil(columns);
    let map = Map { width: columns * CELL, height: rows * CELL };
    let mut chance = Chance::stream(seed, "galaxy", &[]);
    let mut cells: Vec<(u32, u32)> = (0..rows).flat_map(|row| (0..columns).map(move |column| (column, row))).collect();
    chance.shuffle(&mut cells);

    let mut sky = Sky { map, chance, planets: Vec::new(), names: BTreeSet::new() };
    for (seat, (column, row)) in (0_u32..).zip(cells) {
        let middle = Position { x: column * CELL + CELL / 2, y: row * CELL + CELL / 2 };
        if seat < races {
            let jitter = (i64::from(sky.chance.below(3)) - 1, i64::from(sky.chance.below(3)) - 1);
            let home = sky.map.shift(middle, jitter.0, jitter.1);
            sky.add_home(home, RaceId(u16::try_from(seat).unwrap_or(u16::MAX)));
        }
        for _ in 0..rules.colonies_per_race {
            sky.add_colony(middle);
        }
    }
    (map, sky.planets)
}

struct Sky {
    map: Map,
    chance: Chance,
    planets: Vec<Planet>,
    names: BTreeSet<String>,
}

impl Sky {
    fn add_home(&mut self, position: Position, race: RaceId) {
        self.add(position, Some(race), HOME_SIZE, HOME_POPULATION, HOME_INDUSTRY, HOME_SHIPS);
    }

    /// Three of four colonies have natives, whose militia is up to three ships.
    fn add_colony(&mut self, middle: Position) {
        let Some(position) = self.free_place(middle) else { return };
        let size = self.chance.between(30, 80);
        if self.chance.below(4) == 0 {
            self.add(position, None, size, 0, 0, 0);
        } else {
            let population = self.chance.between(10, size / 2);
            let militia = self.chance.between(1, 3);
            self.add(position, None, size, population, population / 3, militia);
        }
    }

    fn add(
        &mut self,
        position: Position,
        owner: Option<RaceId>,
        size: u32,
        population: u32,
        industry: u32,
        ships: u32,
    ) {
        let id = PlanetId(u32::try_from(self.planets.len()).unwrap_or(u32::MAX).saturating_add(1));
        let name = self.name(id);
        let focus = Focus::default();
        self.planets.push(Planet { id, name, position, owner, size, population, industry, ships, focus, progress: 0 });
    }

    /// A place in the square around `middle`, two light-years from its neighbours if one is found soon; none if the
    /// square is full.
    fn free_place(&mut self, middle: Position) -> Option<Position> {
        for attempt in 0..200 {
            let along = |chance: &mut Chance| i64::from(chance.between(0, 2 * REACH)) - i64::from(REACH);
            let (dx, dy) = (along(&mut self.chance), along(&mut self.chance));
            let place = self.map.shift(middle, dx, dy);
            let apart = if attempt < 100 { 2 } else { 0 };
            if !self.planets.iter().any(|planet| self.map.within(planet.position, place, apart)) {
                return Some(place);
            }
        }
        None
    }

    fn name(&mut self, id: PlanetId) -> String {
        for _ in 0..50 {
            let mut name = String::new();
            for _ in 0..self.chance.between(2, 3) {
                let pick = self.chance.below(u32::try_from(SYLLABLES.len()).unwrap_or(1));
                name.push_str(usize::try_from(pick).ok().and_then(|pick| SYLLABLES.get(pick)).unwrap_or(&"x"));
            }
            let capital = name.get(..1).map(str::to_uppercase).unwrap_or_default();
            name.replace_range(..1, &capital);
            if self.names.insert(name.clone()) {
                return name;
            }
        }
        format!("Planet {}", id.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_race_gets_one_home_and_nobody_shares_a_place() {
        for races in 1..=30 {
            let (map, planets) = lay_out(u64::from(races) * 31, races, &Rules::default());
            for race in 0..races {
                assert_eq!(planets.iter().filter(|planet| planet.owner == Some(RaceId(race))).count(), 1);
            }
            let places: BTreeSet<_> = planets.iter().map(|planet| (planet.position.x, planet.position.y)).collect();
            assert_eq!(places.len(), planets.len());
            assert!(planets.iter().all(|planet| planet.position.x < map.width && planet.position.y < map.height));
            assert!(planets.iter().zip(1..).all(|(planet, id)| planet.id == PlanetId(id)));
        }
    }

    #[test]
    fn homes_are_equally_good() {
        let (_, planets) = lay_out(9, 6, &Rules::default());
        let mut homes = planets.iter().filter(|planet| planet.owner.is_some());
        let first = homes.next().unwrap();
        assert!(homes.all(|home| (home.population, home.ships) == (first.population, first.ships)));
    }

    #[test]
    fn an_overfull_square_is_not_endless() {
        let rules = Rules { colonies_per_race: 500, ..Rules::default() };
        let (_, planets) = lay_out(1, 1, &rules);
        assert!(planets.len() <= 145);
    }
}
