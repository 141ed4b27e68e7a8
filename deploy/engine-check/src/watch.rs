//! What must hold in every answer, whatever was asked.

use std::collections::BTreeSet;
use std::time::Duration;

use serde_json::Value;

use crate::Options;
use crate::answer::Answer;
use crate::ask::{Ask, Pace};
use crate::book::{Book, Fault};
use crate::table::{self, Rule};

/// Bytes of a status, and of an answer to commands or orders.
const STATUS: usize = 512 << 10;
const ANSWER: usize = 1 << 20;
/// Objects and arrays within each other that the platform reads.
const LEVELS: usize = 100;

/// What is known of the game, from the answers so far.
#[derive(Debug)]
pub(crate) struct Watch {
    game_id: String,
    races: BTreeSet<String>,
    report_limit: usize,
    reads: Duration,
    writes: Duration,
    extinct: BTreeSet<String>,
    finished: bool,
    /// The highest turn answered.
    turn: u64,
    /// The highest turn that may be answered: what has been asked for.
    asked: u64,
}

impl Watch {
    pub(crate) fn new(game_id: &str, races: &[String], options: &Options) -> Self {
        Self {
            game_id: game_id.to_owned(),
            races: races.iter().cloned().collect(),
            report_limit: options.report_limit,
            reads: options.reads,
            writes: options.writes,
            extinct: BTreeSet::new(),
            finished: false,
            turn: 0,
            asked: 0,
        }
    }

    /// How long a call of this pace may take.
    pub(crate) const fn limit(&self, pace: Pace) -> Duration {
        match pace {
            Pace::Read => self.reads,
            Pace::Write => self.writes,
        }
    }

    /// A turn is asked for: the engine may reach it from now on.
    pub(crate) fn asked(&mut self, turn: u64) {
        self.asked = self.asked.max(turn);
    }

    /// Looks at an answer to `ask`.
    pub(crate) fn look(&mut self, book: &mut Book, ask: &Ask, answer: &Answer) {
        let mut note = |rule: Rule, wrong: Option<String>| {
            let fault = wrong.map(|said| Fault { said, curl: answer.curl.clone() });
            book.note(rule, fault.map_or(Ok(()), Err));
        };
        let (path, seen) = (ask.path.as_str(), answer.seen());
        let rule = match ask.pace() {
            Pace::Read => table::READ_TIME,
            Pace::Write => table::WRITE_TIME,
        };
        let late = answer.took > self.limit(ask.pace());
        note(rule, late.then(|| format!("{:.1} s: {seen}", answer.took.as_secs_f64())));
        note(table::SERVER_ERROR, (answer.status >= 500).then(|| seen.clone()));
        if path == "/healthz" && answer.status == 200 {
            return;
        }
        let nul = answer.body.as_ref().is_some_and(holds_nul);
        note(table::NUL, nul.then(|| format!("U+0000 in {seen}")));
        let levels = levels(&answer.text);
        note(table::NESTING, (levels > LEVELS).then(|| format!("{levels} levels: {seen}")));
        if answer.status != 200 {
            note(table::PROBLEM, problem(answer).err().map(|what| format!("{what}: {seen}")));
            note(table::PROBLEM_SIZE, oversized(answer).map(|what| format!("{what}: {seen}")));
            return;
        }
        let json = answer.content_type.split(';').next().unwrap_or_default().trim() == "application/json";
        note(table::JSON_TYPE, (!json || answer.body.is_none()).then(|| seen.clone()));
        if path.starts_with("/api/v1/report") {
            let large = answer.bytes > self.report_limit;
            note(table::REPORT_SIZE, large.then(|| format!("{} bytes", answer.bytes)));
            return;
        }
        let most = if path.starts_with("/api/v1/admin/") { STATUS } else { ANSWER };
        note(table::ANSWER_SIZE, (answer.bytes > most).then(|| format!("{} bytes", answer.bytes)));
        if path.starts_with("/api/v1/admin/") {
            self.status(&mut note, answer.body.as_ref().unwrap_or(&Value::Null), &seen);
        }
    }

    fn status(&mut self, note: &mut dyn FnMut(Rule, Option<String>), status: &Value, seen: &str) {
        let shape = shape(status, &self.game_id);
        let whole = shape.is_ok();
        note(table::STATUS_SHAPE, shape.err().map(|what| format!("{what}: {seen}")));
        if !whole {
            return;
        }
        let (finished, winners) = (finished(status), winners(status));
        let early = !finished && !winners.is_empty();
        note(table::WINNERS_EARLY, early.then(|| seen.to_owned()));
        let stranger = winners.iter().find(|winner| !self.races.contains(*winner));
        note(table::WINNERS_KNOWN, stranger.map(|name| format!("{name:?} has won: {seen}")));
        let named: Vec<String> = races(status).iter().map(|(name, _)| name.clone()).collect();
        let same = named.len() == self.races.len() && named.iter().all(|name| self.races.contains(name));
        note(table::SAME_RACES, (!same).then(|| seen.to_owned()));
        let back = races(status).into_iter().find(|(name, extinct)| !extinct && self.extinct.contains(name));
        let back = match back {
            Some((name, _)) => Some(format!("{name} was extinct and is back: {seen}")),
            None => (self.finished && !finished).then(|| format!("the game was finished and is not any more: {seen}")),
        };
        note(table::COMES_BACK, back);
        let turn = turn_of(status).unwrap_or_default();
        // Requests in flight may overtake each other by the turn that is being made.
        let wrong = turn.saturating_add(1) < self.turn || turn > self.asked;
        note(
            table::TURN_BACK,
            wrong.then(|| format!("turn {} was answered, {} asked for: {seen}", self.turn, self.asked)),
        );
        self.turn = self.turn.max(turn);
        self.finished |= finished;
        self.extinct.extend(races(status).into_iter().filter(|(_, extinct)| *extinct).map(|(name, _)| name));
    }
}

fn holds_nul(value: &Value) -> bool {
    match value {
        Value::String(text) => text.contains('\0'),
        Value::Array(items) => items.iter().any(holds_nul),
        Value::Object(members) => members.iter().any(|(name, value)| name.contains('\0') || holds_nul(value)),
        Value::Null | Value::Bool(_) | Value::Number(_) => false,
    }
}

/// How deep objects and arrays stand within each other. By the text: a reader of JSON may give up on it.
fn levels(json: &str) -> usize {
    let (mut level, mut deepest, mut quoted) = (0_usize, 0, false);
    let mut bytes = json.bytes();
    while let Some(byte) = bytes.next() {
        match (byte, quoted) {
            (b'"', _) => quoted = !quoted,
            (b'\\', true) => drop(bytes.next()),
            (b'{' | b'[', false) => {
                level += 1;
                deepest = deepest.max(level);
            }
            (b'}' | b']', false) => level = level.saturating_sub(1),
            _ => {}
        }
    }
    deepest
}

fn text<'a>(value: &'a Value, name: &str) -> Option<&'a str> {
    value.get(name).and_then(Value::as_str)
}

fn problem(answer: &Answer) -> Result<(), String> {
    let media = answer.content_type.split(';').next().unwrap_or_default().trim();
    if media != "application/problem+json" {
        return Err("not application/problem+json".to_owned());
    }
    let body = answer.body.as_ref().ok_or("the body is not JSON")?;
    for field in ["type", "title", "detail", "code"] {
        if text(body, field).is_none_or(str::is_empty) {
            return Err(format!("no {field}"));
        }
    }
    let code = text(body, "code").unwrap_or_default();
    if !code.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'_')) {
        return Err("the code is not of a-z0-9_".to_owned());
    }
    if body.get("status").and_then(Value::as_u64) != Some(u64::from(answer.status)) {
        return Err("its status is not the answer's".to_owned());
    }
    let items = match body.get("errors") {
        None | Some(Value::Null) => return Ok(()),
        Some(Value::Array(items)) => items,
        Some(_) => return Err("errors is not an array".to_owned()),
    };
    let whole = |item: &Value| ["pointer", "code", "detail"].iter().all(|name| text(item, name).is_some());
    if items.iter().all(whole) { Ok(()) } else { Err("one of errors lacks pointer, code or detail".to_owned()) }
}

fn oversized(answer: &Answer) -> Option<String> {
    let body = answer.body.as_ref()?;
    let long =
        |value: &Value, name: &str, most: usize| text(value, name).is_some_and(|text| text.chars().count() > most);
    let items = body.get("errors").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let item = |item: &Value| long(item, "pointer", 512) || long(item, "code", 64) || long(item, "detail", 1_000);
    match () {
        () if long(body, "code", 64) => Some("the code is too long".to_owned()),
        () if long(body, "detail", 1_000) => Some("the detail is too long".to_owned()),
        () if items.len() > 100 => Some(format!("{} errors", items.len())),
        () if items.iter().any(item) => Some("one of errors is too long".to_owned()),
        () => None,
    }
}

fn shape(status: &Value, game_id: &str) -> Result<(), String> {
    if text(status, "game_id") != Some(game_id) {
        return Err("game_id is not the game's".to_owned());
    }
    turn_of(status).ok_or("turn is not a whole number")?;
    status.get("finished").and_then(Value::as_bool).ok_or("finished is not a boolean")?;
    let winners = status.get("winners").and_then(Value::as_array).ok_or("winners is not an array")?;
    if !winners.iter().all(Value::is_string) {
        return Err("a winner is not a text".to_owned());
    }
    for race in status.get("races").and_then(Value::as_array).ok_or("races is not an array")? {
        text(race, "race_name").ok_or("a race has no race_name")?;
        race.get("extinct").and_then(Value::as_bool).ok_or("a race has no extinct")?;
        for name in ["planets", "population"] {
            if race.get(name).is_some_and(|value| !value.is_number()) {
                return Err(format!("{name} is not a number"));
            }
        }
    }
    Ok(())
}

/// The turn of a status.
pub(crate) fn turn_of(status: &Value) -> Option<u64> {
    status.get("turn").and_then(Value::as_u64)
}

/// Whether a status says that the game is over.
pub(crate) fn finished(status: &Value) -> bool {
    status.get("finished").and_then(Value::as_bool) == Some(true)
}

/// Who won.
pub(crate) fn winners(status: &Value) -> BTreeSet<String> {
    let winners = status.get("winners").and_then(Value::as_array).into_iter().flatten();
    winners.filter_map(Value::as_str).map(str::to_owned).collect()
}

/// The races of a status, and which are extinct.
pub(crate) fn races(status: &Value) -> Vec<(String, bool)> {
    let races = status.get("races").and_then(Value::as_array).into_iter().flatten();
    let race = |race: &Value| Some((text(race, "race_name")?.to_owned(), race.get("extinct")?.as_bool()?));
    races.filter_map(race).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels_are_counted_outside_of_texts() {
        for (json, expected) in [("7", 0), ("[]", 1), (r#"{"a":[[1],{}]}"#, 3), (r#"["[[", "\"[", "\\", []]"#, 2)] {
            assert_eq!(levels(json), expected, "{json}");
        }
        assert_eq!(levels(&"[".repeat(1_000)), 1_000);
    }
}
