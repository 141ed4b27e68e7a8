//! A game from `init` to its end, without a single order.

use serde_json::{Value, json};

use super::caller::{Answer, Target};
use super::checks::{Checks, at_turn, extinct, finished, ok, problem};

/// The races of the test; one name needs more than ASCII.
pub(super) fn races() -> Vec<String> {
    ["Alpha", "Bêta Crucis", "Гамма"].map(str::to_owned).to_vec()
}

fn init_body(game_id: &str, races: &[String]) -> Value {
    let races: Vec<Value> = races.iter().map(|race_name| json!({"race_name": race_name})).collect();
    json!({"game_id": game_id, "races": races})
}

async fn init(target: &Target, races: &[String]) -> Result<Answer, String> {
    target.call("POST", "/api/v1/admin/init", &init_body(&target.game_id, races)).await
}

async fn close(target: &Target, expected_turn: u32) -> Result<Answer, String> {
    target.call("PUT", "/api/v1/admin/turn", &json!({"expected_turn": expected_turn})).await
}

async fn order(target: &Target, race_name: &str, turn: u32) -> Result<Answer, String> {
    target.call("PUT", "/api/v1/order", &json!({"race_name": race_name, "turn": turn, "orders": []})).await
}

async fn banish(target: &Target, race_name: &str) -> Result<Answer, String> {
    target.call("POST", "/api/v1/admin/race/banish", &json!({"race_name": race_name})).await
}

/// `init` and its repetitions; answers whether there is a game to play on.
pub(super) async fn begin(target: &Target, checks: &mut Checks<'_>) -> bool {
    let (id, races) = (target.game_id.as_str(), races());
    let first = at_turn(init(target, &races).await, id, &races, 0);
    let begun = first.is_ok();
    let alive = first.and_then(|status| match races.iter().all(|race| extinct(&status, race) == Some(false)) {
        true => Ok(()),
        false => Err(format!("a race begins extinct: {status}")),
    });
    checks.note("init answers the status at turn 0 with every race alive", alive);
    if !begun {
        return false;
    }
    checks.note("an identical init answers the status", at_turn(init(target, &races).await, id, &races, 0).map(drop));
    let fewer: Vec<String> = races.iter().take(2).cloned().collect();
    checks.note("an init with other races is 409", problem(init(target, &fewer).await, &[409], None));
    let status = at_turn(target.get("/api/v1/admin/status").await, id, &races, 0);
    checks.note("GET /admin/status answers the same", status.map(drop));
    true
}

pub(super) async fn turns(target: &Target, checks: &mut Checks<'_>) {
    let (id, races) = (target.game_id.as_str(), races());
    let [first, second, last] = races.as_slice() else { return };

    checks.note("an empty list of orders is taken", ok(order(target, first, 0).await).map(drop));
    checks.note("orders replace earlier ones", ok(order(target, first, 0).await).map(drop));
    let closed = Some("turn_already_closed");
    checks.note("orders for a later turn are refused", problem(order(target, first, 1).await, &[409], closed));
    let commands = json!({"race_name": second, "commands": []});
    let command = target.call("PUT", "/api/v1/command", &commands).await;
    checks.note("an empty list of commands is taken", ok(command).map(drop));
    for race in &races {
        checks.note(format!("{race} has a report on turn 0"), ok(target.report(race, 0).await).map(drop));
    }
    checks.note("a report on a turn to come is 404", problem(target.report(first, 1).await, &[404], None));

    checks.note("a turn that is ahead is 409", problem(close(target, 1).await, &[409], None));
    checks.note("the turn that is open is closed", at_turn(close(target, 0).await, id, &races, 1).map(drop));
    let again = at_turn(close(target, 0).await, id, &races, 1).map(drop);
    checks.note("closing it again answers the status and generates nothing", again);
    let status = at_turn(target.get("/api/v1/admin/status").await, id, &races, 1).map(drop);
    checks.note("the status agrees", status);
    let init_again = at_turn(init(target, &races).await, id, &races, 1).map(drop);
    checks.note("an identical init later on answers the status and begins nothing", init_again);
    checks.note("orders for a closed turn are refused", problem(order(target, first, 0).await, &[409], closed));
    checks.note("orders for the new turn are taken", ok(order(target, first, 1).await).map(drop));
    checks.note("a closed turn's report can be read", ok(target.report(first, 0).await).map(drop));
    checks.note("the new turn's report can be read", ok(target.report(first, 1).await).map(drop));
    checks.note("closing turn 1 makes turn 2", at_turn(close(target, 1).await, id, &races, 2).map(drop));
    checks.note("a turn that is two behind is 409", problem(close(target, 0).await, &[409], None));

    let out = |answer| match extinct(&answer, last) {
        Some(true) => Ok(()),
        _ => Err(format!("{last} is not extinct: {answer}")),
    };
    let banished = at_turn(banish(target, last).await, id, &races, 2).and_then(out);
    checks.note("a banished race is extinct", banished);
    let again = at_turn(banish(target, last).await, id, &races, 2).and_then(out);
    checks.note("banishing it again answers the status", again);
    checks.note("a banished race's orders are refused", problem(order(target, last, 2).await, &[409, 422], None));
    checks.note("a banished race's report can be read", ok(target.report(last, 2).await).map(drop));

    if let Some(turn) = to_the_end(target, checks, &races).await {
        after_the_end(target, checks, &races, turn).await;
    }
}

/// Plays on until the game is over; answers its last turn.
async fn to_the_end(target: &Target, checks: &mut Checks<'_>, races: &[String]) -> Option<u32> {
    let mut turn = 2;
    while turn < target.max_turns {
        let status = match at_turn(close(target, turn).await, &target.game_id, races, turn + 1) {
            Ok(status) => status,
            Err(fault) => {
                checks.note(format!("closing turn {turn} makes the next"), Err(fault));
                return None;
            }
        };
        turn += 1;
        if finished(&status) {
            checks.note(format!("every turn is one more than the last, and the game ends (turn {turn})"), Ok(()));
            let winners = status.get("winners").and_then(Value::as_array).is_some_and(|winners| !winners.is_empty());
            let outcome = if winners { Ok(()) } else { Err(format!("nobody has won: {status}")) };
            checks.note("somebody has won", outcome);
            return Some(turn);
        }
    }
    checks.note(format!("the game goes on after {turn} turns; its end was not tested (--max-turns)"), Ok(()));
    None
}

async fn after_the_end(target: &Target, checks: &mut Checks<'_>, races: &[String], turn: u32) {
    let [first, ..] = races else { return };
    let over = Some("game_finished");
    checks.note("a finished game closes no turn", problem(close(target, turn).await, &[409], over));
    let again = at_turn(close(target, turn - 1).await, &target.game_id, races, turn).and_then(|status| {
        if finished(&status) { Ok(()) } else { Err(format!("the game is not finished any more: {status}")) }
    });
    checks.note("closing the last turn again answers the status", again);
    checks.note("a finished game takes no orders", problem(order(target, first, turn).await, &[409], over));
    let commands = json!({"race_name": first, "commands": []});
    let command = target.call("PUT", "/api/v1/command", &commands).await;
    checks.note("a finished game takes no commands", problem(command, &[409], over));
    let mut missing = Vec::new();
    for race in races {
        for turn in 0..=turn {
            if let Err(fault) = ok(target.report(race, turn).await) {
                missing.push(format!("{race}, turn {turn}: {fault}"));
            }
        }
    }
    let outcome = if missing.is_empty() { Ok(()) } else { Err(missing.join("\n      ")) };
    checks.note("every race's report on every turn can be read", outcome);
}
