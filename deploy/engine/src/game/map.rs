//! Space: a torus of whole light-years. What leaves at one edge comes in at the other.

use serde::{Deserialize, Serialize};

/// The size of space.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Map {
    /// Light-years from west to east and round again.
    pub width: u32,
    /// Light-years from north to south and round again.
    pub height: u32,
}

/// A place, `0 ≤ x < width`, `0 ≤ y < height`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Position {
    /// Light-years east of the origin.
    pub x: u32,
    /// Light-years south of the origin.
    pub y: u32,
}

impl Map {
    /// The place that is `dx`, `dy` from here, round the torus.
    #[must_use]
    pub fn shift(&self, from: Position, dx: i64, dy: i64) -> Position {
        let wrap = |at: u32, by: i64, size: u32| {
            let size = i64::from(size.max(1));
            u32::try_from((i64::from(at) + by).rem_euclid(size)).unwrap_or(0)
        };
        Position { x: wrap(from.x, dx, self.width), y: wrap(from.y, dy, self.height) }
    }

    /// The square of the shortest distance, which keeps to whole numbers.
    #[must_use]
    pub fn distance_squared(&self, a: Position, b: Position) -> u64 {
        let along = |a: u32, b: u32, size: u32| {
            let direct = a.abs_diff(b);
            u64::from(direct.min(size.saturating_sub(direct)))
        };
        let (dx, dy) = (along(a.x, b.x, self.width), along(a.y, b.y, self.height));
        dx * dx + dy * dy
    }

    /// Whether two places are at most `range` light-years apart.
    #[must_use]
    pub fn within(&self, a: Position, b: Position, range: u32) -> bool {
        self.distance_squared(a, b) <= u64::from(range) * u64::from(range)
    }

    /// Turns that a fleet needs, at least one: the distance over the speed, rounded up.
    #[must_use]
    pub fn travel_turns(&self, a: Position, b: Position, speed: u32) -> u32 {
        let (distance, speed) = (self.distance_squared(a, b), u64::from(speed.max(1)));
        let mut turns = distance.isqrt() / speed;
        while turns * speed * turns * speed < distance {
            turns += 1;
        }
        u32::try_from(turns.max(1)).unwrap_or(u32::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MAP: Map = Map { width: 20, height: 10 };

    fn at(x: u32, y: u32) -> Position {
        Position { x, y }
    }

    #[test]
    fn the_shortest_way_may_cross_the_edge() {
        assert_eq!(MAP.distance_squared(at(1, 1), at(19, 1)), 4);
        assert_eq!(MAP.distance_squared(at(1, 0), at(1, 9)), 1);
        assert_eq!(MAP.distance_squared(at(0, 0), at(19, 9)), 2);
        assert_eq!(MAP.distance_squared(at(0, 0), at(10, 5)), 125);
    }

    #[test]
    fn distance_is_a_metric() {
        for a in (0..20).map(|x| at(x, x % 10)) {
            assert_eq!(MAP.distance_squared(a, a), 0);
            for b in (0..10).map(|y| at(3, y)) {
                assert_eq!(MAP.distance_squared(a, b), MAP.distance_squared(b, a));
                let (left, right) = (MAP.shift(a, 7, 3), MAP.shift(b, 7, 3));
                assert_eq!(MAP.distance_squared(a, b), MAP.distance_squared(left, right));
            }
        }
    }

    #[test]
    fn travel_rounds_up_and_takes_a_turn_at_least() {
        assert_eq!(MAP.travel_turns(at(0, 0), at(0, 0), 4), 1);
        assert_eq!(MAP.travel_turns(at(0, 0), at(4, 0), 4), 1);
        assert_eq!(MAP.travel_turns(at(0, 0), at(5, 0), 4), 2);
        assert_eq!(MAP.travel_turns(at(0, 0), at(8, 1), 4), 3);
        assert_eq!(MAP.travel_turns(at(0, 0), at(12, 0), 4), 2);
    }

    #[test]
    fn shifting_wraps_both_ways() {
        assert_eq!(MAP.shift(at(0, 0), -1, -1), at(19, 9));
        assert_eq!(MAP.shift(at(19, 9), 1, 1), at(0, 0));
    }
}
