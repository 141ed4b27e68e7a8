//! Battles: everybody in orbit against everybody else, until one side is left.

use super::chance::Chance;
use super::race::{RaceId, Technologies};

/// Hits that a thousand ships score in a round on equals.
const HITS_PER_THOUSAND: u64 = 300;
/// After so many rounds the smaller sides break off and are lost; chance alone ends nearly every battle far earlier.
const MAX_ROUNDS: u32 = 500;

/// One side of a battle.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Side {
    /// Whose ships; `None` is the natives' militia.
    pub race: Option<RaceId>,
    /// Ships left.
    pub ships: u32,
    /// What the race knows.
    pub technologies: Technologies,
}

/// Fights until at most one side has ships. Each round all sides fire at once, at every enemy in proportion to its
/// ships; weapons raise the hits, the target's shields lower them. Fire being aimed, the larger force wins with
/// less loss than in proportion (Lanchester's square law): it pays to mass ships.
pub fn fight(sides: &mut [Side], chance: &mut Chance) {
    for _ in 0..MAX_ROUNDS {
        if sides.iter().filter(|side| side.ships > 0).count() < 2 {
            return;
        }
        let losses: Vec<u32> =
            sides.iter().enumerate().map(|(index, target)| hits_on(index, target, sides, chance)).collect();
        for (side, lost) in sides.iter_mut().zip(losses) {
            side.ships = side.ships.saturating_sub(lost);
        }
    }
    let most = sides.iter().map(|side| side.ships).max().unwrap_or(0);
    let mut kept = false;
    for side in sides {
        if side.ships == most && !kept {
            kept = true;
        } else {
            side.ships = 0;
        }
    }
}

fn hits_on(index: usize, target: &Side, sides: &[Side], chance: &mut Chance) -> u32 {
    let all: u64 = sides.iter().map(|side| u64::from(side.ships)).sum();
    let mut hits: u64 = 0;
    for (shooter_index, shooter) in sides.iter().enumerate() {
        if shooter_index == index || shooter.ships == 0 || target.ships == 0 {
            continue;
        }
        let own = u64::from(shooter.ships);
        let enemies = all.saturating_sub(own).max(1);
        let weapons = 10 + u64::from(shooter.technologies.weapons);
        let shields = 10 + u64::from(target.technologies.shields);
        let thousandths =
            own.saturating_mul(HITS_PER_THOUSAND).saturating_mul(weapons).saturating_mul(u64::from(target.ships))
                / shields.saturating_mul(enemies);
        // The fraction of a hit is left to chance.
        let fraction = u32::try_from(thousandths % 1000).unwrap_or(0);
        hits += thousandths / 1000 + u64::from(chance.below(1000) < fraction);
    }
    u32::try_from(hits).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn side(race: u16, ships: u32) -> Side {
        Side { race: Some(RaceId(race)), ships, technologies: Technologies::default() }
    }

    fn battle(sides: &mut [Side], number: u64) {
        fight(sides, &mut Chance::stream(42, "battle", &[number]));
    }

    #[test]
    fn one_side_is_left_at_most() {
        for number in 0..200 {
            let mut sides = [side(0, 5), side(1, 5), side(2, 4)];
            battle(&mut sides, number);
            assert!(sides.iter().filter(|side| side.ships > 0).count() <= 1);
        }
    }

    #[test]
    fn twice_the_ships_win_with_few_losses() {
        for number in 0..200 {
            let mut sides = [side(0, 40), side(1, 20)];
            battle(&mut sides, number);
            assert_eq!(sides[1].ships, 0);
            assert!(sides[0].ships >= 28, "square law: about 35 are left, got {}", sides[0].ships);
        }
    }

    #[test]
    fn better_weapons_win_among_equals() {
        let won = (0..200)
            .filter(|number| {
                let mut sides = [side(0, 30), side(1, 30)];
                sides[0].technologies.weapons = 4;
                battle(&mut sides, *number);
                sides[0].ships > 0
            })
            .count();
        assert!(won > 180, "{won} of 200");
    }

    #[test]
    fn the_same_battle_ends_the_same_way() {
        let run = || {
            let mut sides = [side(0, 17), side(1, 16)];
            battle(&mut sides, 3);
            sides
        };
        assert_eq!(run(), run());
    }

    #[test]
    fn nobody_fights_alone() {
        let mut sides = [side(0, 3), side(1, 0)];
        battle(&mut sides, 1);
        assert_eq!(sides[0].ships, 3);
    }
}
