//! Seven hundred turns of mixed games, while engines are slow, silent, late, busy and dying, and two controllers are killed in turn.
//! Judged by the engines' own journals: each turn once, in order.

use shared::ids::GameId;
use testkit::eventually;
use testkit::scripted::{Call, Die, Rule, Script};

use crate::turns::each_turn_once;
use crate::world::{SOON, World};

/// Longer than any quick answer, shorter than the late ones.
const CALL_TIMEOUT: &str = "4s";
const LATE_MS: u64 = 5_000;
/// Turns that are generated between two kills.
const BETWEEN: usize = 120;
const KILLS: usize = 6;

/// The same trouble at every so many turns of the first sixty, once each.
fn every(turns: usize, trouble: &Rule) -> Script {
    let at = |turn| Rule { call: Some(Call::Turn), turn: Some(turn), times: Some(1), ..trouble.clone() };
    Script::of((1..60).step_by(turns).map(at))
}

fn now_and_then(trouble: &Rule) -> Script {
    every(3, trouble)
}

/// An engine that dies more often than six times in a row of minutes is in a crash loop, and pauses its game.
fn rarely(trouble: &Rule) -> Script {
    every(15, trouble)
}

fn troubles() -> Vec<(&'static str, Script)> {
    let slow = Rule { delay_ms: 700, ..Rule::on(Call::Turn) };
    vec![
        ("slow", Script::of([slow])),
        ("late", now_and_then(&Rule { late_ms: LATE_MS, ..Rule::default() })),
        ("slower than its limit", now_and_then(&Rule { delay_ms: LATE_MS, ..Rule::default() })),
        ("dies before", rarely(&Rule { die: Some(Die::Before), ..Rule::default() })),
        ("dies after", rarely(&Rule { die: Some(Die::After), ..Rule::default() })),
        ("busy", now_and_then(&Rule { status: Some(503), ..Rule::default() })),
        ("hangs up", now_and_then(&Rule { close: true, effect: Some(true), ..Rule::default() })),
        ("breaks off", now_and_then(&Rule { cut: Some(60), ..Rule::default() })),
    ]
}

#[tokio::test]
async fn turns_of_mixed_games_are_each_generated_once_and_in_order_while_controllers_are_killed() {
    let world = World::with_scripts().await;
    let env = [("BACKEND_ENGINE_CALL_TIMEOUT", CALL_TIMEOUT), ("GALAXY_TURN_LIMIT", "1000000")];
    let mut controllers = [world.controller(&env), world.controller(&env)];
    let mut honest = Vec::new();
    for _ in 0..12 {
        honest.push(world.scripted("@every 1s", Script::default()).await);
    }
    let mut troubled: Vec<(&str, GameId)> = Vec::new();
    for (what, script) in troubles() {
        troubled.push((what, world.scripted("@every 1s", script).await));
    }
    let hanging = Script::of([Rule { hang: true, ..Rule::on(Call::Turn) }]);
    let hanging = world.scripted("@every 1s", hanging).await;
    let all: Vec<GameId> = honest.iter().copied().chain(troubled.iter().map(|(_, game_id)| *game_id)).collect();
    let generated = || all.iter().map(|game_id| world.journal(*game_id).len()).sum::<usize>();

    for kill in 0..KILLS {
        let wanted = generated() + BETWEEN;
        eventually(SOON, format!("{wanted} turns, then kill {kill}"), || async {
            let seen = generated();
            if seen >= wanted { Ok(()) } else { Err(seen) }
        })
        .await;
        controllers[kill % 2].kill9();
        controllers[kill % 2] = world.controller(&env);
    }
    // Nobody was left behind: neither the honest ones for the others' sake, nor those whose trouble passes.
    for game_id in &honest {
        world.reaches_turn(*game_id, 20).await;
    }
    for (what, game_id) in &troubled {
        eventually(SOON, format!("the engine that {what} gets on"), || async {
            let seen = (world.turn(*game_id).await, world.status(*game_id).await);
            if seen.0 >= 5 { Ok(()) } else { Err(seen) }
        })
        .await;
    }
    for controller in &mut controllers {
        controller.kill9();
    }
    eprintln!("{} turns in all", generated());
    assert!(generated() >= KILLS * BETWEEN);
    for (what, game_id) in honest.iter().map(|game_id| ("honest", *game_id)).chain(troubled) {
        let journal = world.journal(game_id);
        let wanted: Vec<i32> = (1..).take(journal.len()).collect();
        assert_eq!(journal, wanted, "{what}");
        let recorded = usize::try_from(world.turn(game_id).await).unwrap();
        assert!(recorded == journal.len() || recorded + 1 == journal.len(), "{what}: {recorded} of {}", journal.len());
        assert_eq!(world.status(game_id).await, "running", "{what}");
        each_turn_once(&world, game_id).await;
    }
    assert!(world.journal(hanging).is_empty());
}
