//! What is looked for in answers.

use serde_json::Value;

use super::Check;
use super::caller::Answer;

/// Collects the checks.
pub(super) struct Checks<'a> {
    tell: &'a mut dyn FnMut(&Check),
    done: Vec<Check>,
}

impl<'a> Checks<'a> {
    pub(super) fn new(tell: &'a mut dyn FnMut(&Check)) -> Self {
        Self { tell, done: Vec::new() }
    }

    /// Notes the outcome of a rule; answers whether it holds.
    pub(super) fn note(&mut self, name: impl Into<String>, outcome: Result<(), String>) -> bool {
        let check = Check { name: name.into(), fault: outcome.err() };
        (self.tell)(&check);
        let holds = check.fault.is_none();
        self.done.push(check);
        holds
    }

    pub(super) fn done(self) -> Vec<Check> {
        self.done
    }
}

fn seen(answer: &Answer) -> String {
    let mut body = answer.body.to_string();
    if let Some((cut, _)) = body.char_indices().nth(300) {
        body.truncate(cut);
        body.push('…');
    }
    format!("{} {} {body}", answer.status, answer.content_type)
}

/// 200 with JSON.
pub(super) fn ok(answer: Result<Answer, String>) -> Result<Value, String> {
    let answer = answer?;
    if answer.status != 200 || !answer.content_type.starts_with("application/json") {
        return Err(format!("200 with JSON was expected, not {}", seen(&answer)));
    }
    Ok(answer.body)
}

/// An error of one of these statuses, as problem+json; with this code if one is given.
pub(super) fn problem(answer: Result<Answer, String>, statuses: &[u16], code: Option<&str>) -> Result<(), String> {
    let answer = answer?;
    if !statuses.contains(&answer.status) {
        return Err(format!("one of {statuses:?} was expected, not {}", seen(&answer)));
    }
    if !answer.content_type.starts_with("application/problem+json") {
        return Err(format!("application/problem+json was expected, not {}", seen(&answer)));
    }
    let text = |field: &str| answer.body.get(field).and_then(Value::as_str).is_some_and(|text| !text.is_empty());
    for field in ["type", "title", "detail", "code"] {
        if !text(field) {
            return Err(format!("the problem has no {field}: {}", seen(&answer)));
        }
    }
    if answer.body.get("status").and_then(Value::as_u64) != Some(u64::from(answer.status)) {
        return Err(format!("the problem's status is not the answer's: {}", seen(&answer)));
    }
    match code {
        Some(code) if answer.code() != code => Err(format!("the code {code} was expected, not {}", seen(&answer))),
        _ => Ok(()),
    }
}

/// A status object (SPEC §9) of this game, with these races.
pub(super) fn status(body: &Value, game_id: &str, races: &[String]) -> Result<(), String> {
    let wrong = |what: &str| Err(format!("{what}: {body}"));
    if body.get("game_id").and_then(Value::as_str) != Some(game_id) {
        return wrong("game_id is not the game's");
    }
    if turn_of(body).is_none() {
        return wrong("turn is not a whole number");
    }
    let Some(finished) = body.get("finished").and_then(Value::as_bool) else {
        return wrong("finished is not a boolean");
    };
    let Some(winners) = body.get("winners").and_then(Value::as_array) else {
        return wrong("winners is not an array");
    };
    if !finished && !winners.is_empty() {
        return wrong("there are winners before the game is finished");
    }
    if !winners.iter().all(|winner| winner.as_str().is_some_and(|name| races.iter().any(|race| race == name))) {
        return wrong("a winner is not one of the races");
    }
    let Some(standing) = body.get("races").and_then(Value::as_array) else {
        return wrong("races is not an array");
    };
    for race in standing {
        let number = |field: &str| race.get(field).is_some_and(Value::is_u64);
        if !number("planets") || !number("population") || race.get("extinct").and_then(Value::as_bool).is_none() {
            return wrong("a race lacks planets, population or extinct");
        }
    }
    let mut names: Vec<&str> = standing.iter().filter_map(|race| race.get("race_name")?.as_str()).collect();
    let mut expected: Vec<&str> = races.iter().map(String::as_str).collect();
    names.sort_unstable();
    expected.sort_unstable();
    if names == expected { Ok(()) } else { wrong("the races are not those of init") }
}

pub(super) fn turn_of(status: &Value) -> Option<u32> {
    status.get("turn").and_then(Value::as_u64).and_then(|turn| u32::try_from(turn).ok())
}

pub(super) fn finished(status: &Value) -> bool {
    status.get("finished").and_then(Value::as_bool) == Some(true)
}

/// Whether a race is out of the game.
pub(super) fn extinct(status: &Value, race_name: &str) -> Option<bool> {
    let races = status.get("races")?.as_array()?;
    let race = races.iter().find(|race| race.get("race_name").and_then(Value::as_str) == Some(race_name))?;
    race.get("extinct")?.as_bool()
}

/// A status of this game at this turn.
pub(super) fn at_turn(
    answer: Result<Answer, String>,
    game_id: &str,
    races: &[String],
    turn: u32,
) -> Result<Value, String> {
    let body = ok(answer)?;
    status(&body, game_id, races)?;
    match turn_of(&body) {
        Some(actual) if actual == turn => Ok(body),
        _ => Err(format!("turn {turn} was expected: {body}")),
    }
}
