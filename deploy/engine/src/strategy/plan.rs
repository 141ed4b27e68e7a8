//! What to do: hold what is threatened, take what is weak and near, bring the rest to the front.

use serde_json::{Value, json};

use super::view::{Own, Seen, View};
use crate::game::map::Position;
use crate::game::planet::Focus;
use crate::game::rules::SHIP_COST;

/// From here on a player attacks other races.
const WARLIKE: f64 = 0.4;
/// Ships to send into the unknown.
const SCOUTING_FORCE: u32 = 6;
/// Turns of flight beyond which a free planet is not worth it.
const FAR: u32 = 4;

struct Base {
    id: u32,
    position: Position,
    spare: u32,
}

struct Target {
    id: u32,
    position: Position,
    garrison: u32,
    /// Ships that its owner adds in a turn.
    growth: f64,
    hostile: bool,
    worth: f64,
}

pub(super) fn plan(view: View, aggressiveness: f64) -> Vec<Value> {
    let mut orders: Vec<Value> = Vec::new();
    for planet in &view.planets {
        let wanted = focus(planet, &view, aggressiveness);
        if wanted != planet.focus {
            orders.push(json!({"kind": "set_focus", "planet": planet.id, "focus": wanted}));
        }
    }
    let mut bases: Vec<Base> = view.planets.iter().map(|planet| base(planet, &view)).collect();
    let targets = targets(&view, aggressiveness);
    for target in &targets {
        if let Some(order) = attack(target, &mut bases, &view, aggressiveness) {
            orders.push(order);
        }
    }
    if aggressiveness >= WARLIKE {
        muster(&mut bases, &targets, &view, &mut orders);
    }
    orders
}

fn threat(view: &View, planet: u32) -> u32 {
    view.incoming.iter().filter(|fleet| fleet.to == planet).map(|fleet| fleet.ships).sum()
}

fn focus(planet: &Own, view: &View, aggressiveness: f64) -> Focus {
    let built_up = u64::from(planet.industry) * 10 >= u64::from(planet.population) * 7;
    if threat(view, planet.id) > 0 || (aggressiveness >= WARLIKE && built_up) {
        Focus::Ships
    } else if planet.industry < planet.population {
        Focus::Industry
    } else {
        Focus::Research
    }
}

/// A threatened planet keeps its ships; any other can spare them all but one.
fn base(planet: &Own, view: &View) -> Base {
    let spare = if threat(view, planet.id) > 0 { 0 } else { planet.ships.saturating_sub(1) };
    Base { id: planet.id, position: planet.position, spare }
}

fn targets(view: &View, aggressiveness: f64) -> Vec<Target> {
    let mut targets: Vec<Target> = view.neighbours.iter().map(seen).collect();
    if aggressiveness >= WARLIKE {
        // What cannot be seen is taken for a middling neutral planet until somebody has been near.
        targets.extend(view.unexplored.iter().map(|star| Target {
            id: star.id,
            position: star.position,
            garrison: SCOUTING_FORCE,
            growth: 0.0,
            hostile: false,
            worth: 20.0,
        }));
    } else {
        targets.retain(|target| !target.hostile);
    }
    let turns = |target: &Target| {
        let speed = view.technologies.speed();
        let flights = view.planets.iter().map(|own| view.map.travel_turns(own.position, target.position, speed));
        flights.min().unwrap_or(u32::MAX)
    };
    let mut ranked: Vec<(f64, Target)> = targets
        .into_iter()
        .map(|target| (target.worth / (f64::from(target.garrison) + 4.0 * f64::from(turns(&target)) + 1.0), target))
        .collect();
    ranked.sort_by(|(left, a), (right, b)| right.total_cmp(left).then(a.id.cmp(&b.id)));
    ranked.into_iter().map(|(_, target)| target).collect()
}

fn seen(planet: &Seen) -> Target {
    let hostile = planet.owner.is_some();
    Target {
        id: planet.id,
        position: planet.position,
        garrison: planet.ships,
        growth: if hostile { f64::from(planet.population) / f64::from(SHIP_COST) * 0.8 } else { 0.0 },
        hostile,
        worth: f64::from(planet.size + planet.population),
    }
}

/// An attack by the nearest base that is strong enough on its own, if there is one.
fn attack(target: &Target, bases: &mut [Base], view: &View, aggressiveness: f64) -> Option<Value> {
    let underway: u32 = view.fleets.iter().filter(|fleet| fleet.to == target.id).map(|fleet| fleet.ships).sum();
    let speed = view.technologies.speed();
    let mut best: Option<(u32, u32, &mut Base)> = None;
    for base in bases.iter_mut() {
        let turns = view.map.travel_turns(base.position, target.position, speed);
        if !target.hostile && turns > FAR {
            continue;
        }
        // The bold expect the enemy to build little meanwhile, the careful expect the most.
        let grown = target.growth * f64::from(turns) * (1.2 - aggressiveness);
        let expected = f64::from(target.garrison) + grown;
        let wanted = if expected < 0.5 { 1.0 } else { expected * 1.3 + 2.0 };
        // `wanted` is small and positive, so that the cast keeps its value.
        let wanted = (wanted.ceil() as u32).saturating_sub(underway);
        let sooner = best.as_ref().is_none_or(|(soonest, ..)| turns < *soonest);
        if wanted > 0 && base.spare >= wanted && sooner {
            best = Some((turns, wanted, base));
        }
    }
    let (_, wanted, base) = best?;
    // Against another race everything goes: what is left behind wins nothing.
    let ships = if target.hostile { base.spare } else { wanted };
    base.spare -= ships;
    Some(json!({"kind": "send_fleet", "from": base.id, "to": target.id, "ships": ships}))
}

/// Brings what no attack has used to the base that is nearest to an enemy, where it adds up.
fn muster(bases: &mut [Base], targets: &[Target], view: &View, orders: &mut Vec<Value>) {
    let distance = |base: &Base| {
        let enemies = targets.iter().filter(|target| target.hostile);
        enemies.map(|target| view.map.distance_squared(base.position, target.position)).min()
    };
    let Some((_, front, _)) =
        bases.iter().filter_map(|base| distance(base).map(|far| (far, base.id, base.spare))).min()
    else {
        return;
    };
    for base in bases.iter_mut().filter(|base| base.id != front && base.spare >= 3) {
        orders.push(json!({"kind": "send_fleet", "from": base.id, "to": front, "ships": base.spare}));
        base.spare = 0;
    }
}
