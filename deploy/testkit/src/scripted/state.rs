//! What a scripted engine keeps, so that it survives being killed anywhere: a game is its `init.json` and the lines after it.

use std::collections::{BTreeSet, HashMap};
use std::fs::{File, OpenOptions};
use std::io::Write as _;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use serde_json::{Value, json};

use super::script::{Call, Rule, Script};

const INIT: &str = "init.json";
const JOURNAL: &str = "journal.jsonl";
const CALLS: &str = "calls.jsonl";
const BANISHED: &str = "banished.json";
const COUNTS: &str = "counts.json";

/// The game.
pub(super) struct State {
    dir: PathBuf,
    journal: File,
    /// The body of `init`.
    pub(super) init: Option<Value>,
    pub(super) turn: i32,
    pub(super) banished: BTreeSet<String>,
    counts: HashMap<String, u32>,
}

/// The turns that an engine generated, in the order in which it did.
///
/// # Panics
/// When the journal is there and cannot be read.
pub fn journal(state_dir: &Path) -> Vec<i32> {
    let lines = whole_lines(&state_dir.join(JOURNAL));
    lines.iter().filter(|line| line.get("set").is_none()).filter_map(turn_of).collect()
}

/// The calls of one kind that an engine saw, as their lines in `calls.jsonl`: `{call, turn, token, body}`.
///
/// # Panics
/// When the file is there and cannot be read.
pub fn seen(state_dir: &Path, call: Call) -> Vec<Value> {
    let word = json!(call);
    whole_lines(&state_dir.join(CALLS)).into_iter().filter(|line| line.get("call") == Some(&word)).collect()
}

fn turn_of(line: &Value) -> Option<i32> {
    line.get("turn")?.as_i64().and_then(|turn| i32::try_from(turn).ok())
}

/// Lines that are written whole; none where there is no file.
fn whole_lines(path: &Path) -> Vec<Value> {
    let text = match std::fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Vec::new(),
        Err(error) => panic!("{}: {error}", path.display()),
    };
    let whole = text.rsplit_once('\n').map_or("", |(whole, _)| whole);
    whole.lines().filter_map(|line| serde_json::from_str(line).ok()).collect()
}

fn read_json(path: &Path) -> Result<Option<Value>> {
    match std::fs::read(path) {
        Ok(bytes) => Ok(Some(serde_json::from_slice(&bytes).with_context(|| path.display().to_string())?)),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error).with_context(|| path.display().to_string()),
    }
}

impl State {
    /// Where the game was left.
    pub(super) fn open(dir: &Path) -> Result<Self> {
        std::fs::create_dir_all(dir)?;
        let path = dir.join(JOURNAL);
        // A line that a kill tore was never generated.
        let text = std::fs::read_to_string(&path).unwrap_or_default();
        let whole = text.rfind('\n').map_or(0, |at| at + 1);
        let journal = OpenOptions::new().create(true).append(true).open(&path).context(JOURNAL)?;
        if whole < text.len() {
            journal.set_len(u64::try_from(whole)?)?;
        }
        let turn = whole_lines(&path).last().and_then(turn_of).unwrap_or(0);
        let names = read_json(&dir.join(BANISHED))?.unwrap_or_else(|| json!([]));
        let counts = read_json(&dir.join(COUNTS))?.unwrap_or_else(|| json!({}));
        Ok(Self {
            dir: dir.to_owned(),
            journal,
            init: read_json(&dir.join(INIT))?,
            turn,
            banished: serde_json::from_value(names)?,
            counts: serde_json::from_value(counts)?,
        })
    }

    /// In one step: killed before it or after it, never within.
    fn replace(&self, name: &str, value: &Value) -> Result<()> {
        let new = self.dir.join(format!("{name}.new"));
        std::fs::write(&new, value.to_string())?;
        std::fs::rename(&new, self.dir.join(name)).context(name.to_owned())
    }

    pub(super) fn begin(&mut self, init: Value) -> Result<()> {
        self.replace(INIT, &init)?;
        self.init = Some(init);
        Ok(())
    }

    pub(super) fn generate(&mut self, turn: i32) -> Result<()> {
        writeln!(self.journal, "{}", json!({ "turn": turn, "pid": std::process::id() }))?;
        self.turn = turn;
        Ok(())
    }

    pub(super) fn set_turn(&mut self, turn: i32) -> Result<()> {
        writeln!(self.journal, "{}", json!({ "turn": turn, "set": true }))?;
        self.turn = turn;
        Ok(())
    }

    pub(super) fn banish(&mut self, race: &str) -> Result<()> {
        self.banished.insert(race.to_owned());
        self.replace(BANISHED, &json!(self.banished))
    }

    pub(super) fn saw(&self, call: Call, token: &str, body: &Value) -> Result<()> {
        if call == Call::Healthz {
            return Ok(());
        }
        let mut calls = OpenOptions::new().create(true).append(true).open(self.dir.join(CALLS))?;
        writeln!(calls, "{}", json!({ "call": call, "turn": self.turn, "token": token, "body": body }))?;
        Ok(())
    }

    /// The rule that decides about this call.
    pub(super) fn rule(&mut self, script: &Script, call: Call) -> Result<Rule> {
        let fits = script.rules.iter().enumerate().filter(|(_, rule)| rule.fits(call, self.turn));
        for (at, rule) in fits {
            if rule.skip == 0 && rule.times.is_none() {
                return Ok(rule.clone());
            }
            let key = format!("{at} {}", serde_json::to_string(rule)?);
            let met = self.counts.entry(key).or_default();
            *met += 1;
            let past = *met - 1;
            self.replace(COUNTS, &json!(self.counts))?;
            if past >= rule.skip && rule.times.is_none_or(|times| past - rule.skip < times) {
                return Ok(rule.clone());
            }
        }
        Ok(Rule::default())
    }

    pub(super) fn races(&self) -> Vec<String> {
        let races = self.init.as_ref().and_then(|init| init.get("races")?.as_array());
        let name = |race: &Value| race.get("race_name")?.as_str().map(str::to_owned);
        races.map(|races| races.iter().filter_map(name).collect()).unwrap_or_default()
    }

    pub(super) fn finished(&self, script: &Script) -> bool {
        script.turn_limit.is_some_and(|limit| self.turn >= limit)
    }

    /// The contract's status.
    pub(super) fn status(&self, script: &Script) -> Value {
        let races = self.races();
        let left: Vec<&String> = races.iter().filter(|race| !self.banished.contains(*race)).collect();
        let winners = match (&script.winners, self.finished(script)) {
            (_, false) => json!([]),
            (Some(winners), true) => json!(winners),
            (None, true) => json!(left.first().into_iter().collect::<Vec<_>>()),
        };
        let race = |name: &String| {
            let extinct = self.banished.contains(name);
            json!({ "race_name": name, "planets": i32::from(!extinct), "population": 1.5, "extinct": extinct })
        };
        json!({
            "game_id": self.init.as_ref().and_then(|init| init.get("game_id")),
            "turn": self.turn,
            "finished": self.finished(script),
            "winners": winners,
            "races": races.iter().map(race).collect::<Vec<_>>(),
        })
    }
}
