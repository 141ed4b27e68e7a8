//! The whole test: one game from `init` to its end, and everything that may happen to it.

mod admission;
mod beginning;
mod durability;
mod end;
mod requests;
mod turns;

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use anyhow::Result;
use serde_json::Value;

use crate::Options;
use crate::answer::Answer;
use crate::ask::{Ask, Auth};
use crate::book::{Fault, Outcome};
use crate::caller::Caller;
use crate::subject::{STEP, Subject};
use crate::table::{self, Part, Rule};
use crate::watch::{Watch, finished, races, turn_of};

/// How long an engine may take to answer `/healthz`, as the platform waits.
const START: Duration = Duration::from_secs(60);
/// The same of one that should run already.
const THERE: Duration = Duration::from_secs(5);

/// The races of the test: one name is longer than ASCII, one has a space.
pub(crate) fn race_names() -> Vec<String> {
    ["Alpha", "Bêta Crucis", "Гамма"].map(str::to_owned).to_vec()
}

/// A game being played.
pub(crate) struct Play<'a> {
    subject: Subject,
    caller: Caller,
    options: &'a Options,
    tell: &'a mut dyn FnMut(&str),
    game_id: String,
    races: Vec<String>,
    /// Containers so far.
    lives: u32,
    /// The status last answered.
    status: Value,
    /// Reports of closed turns, as first read.
    reports: BTreeMap<(String, u64), String>,
}

/// Why a test ended before its end.
type Stopped = String;

/// Plays; answers what came of every rule, and the name of what was tested.
///
/// # Errors
/// When nothing could be tested at all.
pub(crate) async fn play(
    mut subject: Subject,
    options: &Options,
    tell: &mut dyn FnMut(&str),
) -> Result<(String, Vec<(Rule, Outcome)>)> {
    let (name, game_id, races) = (subject.name(), subject.game_id(), race_names());
    let token = subject.token(1);
    let watch = Watch::new(&game_id, &races, options);
    let volumes = subject.volumes()?;
    let base = subject.start(&token).await?;
    let caller = Caller::new(base, token, watch)?;
    let restarts = subject.restarts();
    let (status, reports) = (Value::Null, BTreeMap::new());
    let mut play = Play { subject, caller, options, tell, game_id, races, lives: 1, status, reports };
    if let Some(volumes) = volumes {
        let outcome = match volumes.as_slice() {
            [] => Ok(()),
            volumes => Err(Fault::plain(format!("VOLUME {}", volumes.join(" ")))),
        };
        play.caller.note(table::VOLUMES, outcome);
    }
    let stopped = play.through().await?.err();
    let over = finished(&play.status);
    let turns = options.turns;
    let why = |rule: &Rule| match (rule.part, &stopped) {
        (Part::Image, _) => "no image was named (--image)".to_owned(),
        (Part::Durability, _) | (_, None) if !restarts && needs_restart(rule) => {
            "the engine runs already, and this test can neither end nor start it (--exec, --image)".to_owned()
        }
        _ if *rule == table::ORDER_SAMPLE && options.orders.is_none() => {
            "orders are opaque to the platform: name some good ones of Alpha for turn 0 by --orders".to_owned()
        }
        (Part::End, None) if !over && turns.is_some() => "the game was not played to its end (--turns)".to_owned(),
        (_, Some(stopped)) => format!("the test ended before: {stopped}"),
        (_, None) if over => "the game was over before".to_owned(),
        (_, None) => "it did not come to it".to_owned(),
    };
    let book = std::mem::take(&mut *play.caller.book.borrow_mut());
    Ok((name, book.close(why)))
}

fn needs_restart(rule: &Rule) -> bool {
    rule.part == Part::Durability || *rule == table::STATE_WRITTEN || *rule == table::OVER_KEPT
}

impl Play<'_> {
    async fn through(&mut self) -> Result<Result<(), Stopped>> {
        self.say(Part::Before);
        if let Err(stopped) = self.come_up().await {
            return Ok(Err(stopped));
        }
        self.before_init().await;
        self.say(Part::Beginning);
        if let Err(stopped) = self.begin().await {
            return Ok(Err(stopped));
        }
        self.say(Part::Requests);
        self.requests().await;
        self.say(Part::Turns);
        if let Err(stopped) = self.turns().await {
            return Ok(Err(stopped));
        }
        if self.subject.restarts() {
            self.say(Part::Durability);
            if let Err(stopped) = self.durability().await? {
                return Ok(Err(stopped));
            }
        }
        self.say(Part::End);
        self.end().await
    }

    fn say(&mut self, part: Part) {
        (self.tell)(&format!("── {part}"));
    }

    fn turn(&self) -> u64 {
        turn_of(&self.status).unwrap_or_default()
    }

    /// A race's name by its number.
    fn race(&self, number: usize) -> String {
        self.races.get(number).cloned().unwrap_or_default()
    }

    /// Waits until it answers `/healthz`.
    async fn come_up(&mut self) -> Result<(), Stopped> {
        let ask = Ask::get("/healthz").auth(Auth::None);
        let started = Instant::now();
        let last = loop {
            let answer = self.caller.quietly(&ask).await;
            let last = match &answer {
                Ok(answer) if answer.status == 200 => {
                    self.caller.note(table::STARTS, Ok(()));
                    return Ok(());
                }
                Ok(answer) => answer.fault("200 was expected"),
                Err(fault) => fault.clone(),
            };
            if let Some(how) = self.subject.ended() {
                break Fault { said: format!("the engine ended: {how}"), ..last };
            }
            let patience = self.options.patience.min(if self.subject.restarts() { START } else { THERE });
            if started.elapsed() > patience {
                break Fault { said: format!("not within {} s: {}", patience.as_secs(), last.said), ..last };
            }
            tokio::time::sleep(STEP).await;
        };
        let words = self.subject.last_words();
        let words = if words.is_empty() { String::new() } else { format!("\nIts last words:\n{words}") };
        self.caller.note(table::STARTS, Err(Fault { said: format!("{}{words}", last.said), ..last }));
        Err("the engine does not answer".to_owned())
    }

    /// Asks for a status at a turn, of a game that is not further than it should be; it becomes the known one.
    async fn expect_at(&mut self, rule: Rule, ask: Ask, turn: u64) -> Result<Answer, ()> {
        let answer = self.caller.ask(&ask).await;
        let outcome = answer.as_ref().map_err(Clone::clone).and_then(|answer| {
            answer.suits(&rule)?;
            match answer.body.as_ref().and_then(turn_of) {
                Some(actual) if actual == turn => Ok(()),
                _ => Err(answer.fault(format!("turn {turn} was expected"))),
            }
        });
        match (self.caller.note(rule, outcome), answer) {
            (true, Ok(answer)) => {
                self.status = answer.body.clone().unwrap_or_default();
                Ok(answer)
            }
            _ => Err(()),
        }
    }

    /// Closes the open turn, and reads the reports that are final by it.
    async fn close(&mut self, rule: Rule) -> Result<(), Stopped> {
        let turn = self.turn();
        self.caller.watch.borrow_mut().asked(turn + 1);
        if self.expect_at(rule, Ask::turn(turn), turn + 1).await.is_err() {
            return Err(format!("turn {turn} could not be closed"));
        }
        self.read_closed(turn).await;
        Ok(())
    }

    /// Reads every race's report on a closed turn, and compares it with what was read before.
    async fn read_closed(&mut self, turn: u64) {
        for race in self.races.clone() {
            let ask = Ask::report(&race, turn);
            let Ok(answer) = self.caller.ask(&ask).await else { continue };
            let extinct = races(&self.status).iter().any(|(name, extinct)| *name == race && *extinct);
            // A race that is out need not have one; the platform keeps what there is.
            if !(answer.status == 404 && extinct && !self.reports.contains_key(&(race.clone(), turn))) {
                self.caller.note(table::REPORT_CLOSED, answer.suits(&table::REPORT_CLOSED));
            }
            if answer.status == 200 {
                self.compare(race, turn, &answer);
            }
        }
    }

    fn compare(&mut self, race: String, turn: u64, answer: &Answer) {
        let text = answer.body.as_ref().map(Value::to_string).unwrap_or_default();
        let first = self.reports.entry((race, turn)).or_insert_with(|| text.clone());
        let outcome = if *first == text {
            Ok(())
        } else {
            let before: String = first.chars().take(300).collect();
            Err(answer.fault(format!("it was {before} before, and now")))
        };
        self.caller.note(table::REPORT_STAYS, outcome);
    }
}
