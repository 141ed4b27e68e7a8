//! The rules that hold for any game, by a game that counts.

use std::path::Path;

use galaxy_engine_sdk::engine::Failure;
use galaxy_engine_sdk::{Beginning, Engine, Fault, Game, Race, Refusal, Status};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// A game of three turns, in which orders are words. The words it does not survive are below.
struct Words;

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
struct State {
    turn: u32,
    races: Vec<(String, bool)>,
    said: Vec<(String, Value)>,
    winners: Vec<String>,
}

impl Game for Words {
    type State = State;

    const FORMAT: u32 = 1;

    fn init(&self, begin: &Beginning) -> Result<State, Refusal> {
        if begin.settings.contains_key("unknown") {
            return Err(Refusal::InvalidInit(vec![
                Fault::new("bad_setting", "no such setting").at("/settings/unknown"),
            ]));
        }
        Ok(State { races: begin.races.iter().map(|race| (race.clone(), false)).collect(), ..State::default() })
    }

    fn turn(&self, state: &State) -> Result<State, Refusal> {
        let mut next = State { turn: state.turn + 1, said: Vec::new(), ..state.clone() };
        for (race, word) in &state.said {
            match word.as_str() {
                Some("fail") => return Err(Refusal::Failed("the stars are wrong".to_owned())),
                Some("panic") => panic!("on purpose"),
                Some("win") => next.winners.push(race.clone()),
                Some("strange") => next.winners.push("Nobody".to_owned()),
                Some("revive") => next.races.iter_mut().for_each(|(_, out)| *out = false),
                Some("forget") => drop(next.races.pop()),
                _ => {}
            }
        }
        Ok(next)
    }

    fn banish(&self, state: &State, race_name: &str) -> Result<State, Refusal> {
        let races = state.races.iter().map(|(race, out)| (race.clone(), *out || race == race_name));
        Ok(State { races: races.collect(), ..state.clone() })
    }

    fn command(&self, state: &State, _: &str, _: &[Value]) -> Result<State, Refusal> {
        Ok(state.clone())
    }

    fn order(&self, state: &State, race_name: &str, orders: &[Value]) -> Result<State, Refusal> {
        let mut next = state.clone();
        next.said.retain(|(race, _)| race != race_name);
        next.said.extend(orders.iter().map(|word| (race_name.to_owned(), word.clone())));
        Ok(next)
    }

    fn report(&self, state: &State, race_name: &str) -> Value {
        json!({"turn": state.turn, "you": race_name, "said": state.said})
    }

    fn status(&self, state: &State) -> Status {
        let races = state.races.iter().map(|(race, out)| Race::new(race, *out)).collect();
        Status { finished: state.turn >= 3, winners: state.winners.clone(), races }
    }
}

fn beginning(races: &[&str], settings: Value) -> Beginning {
    let races = races.iter().map(|race| (*race).to_owned()).collect();
    Beginning { game_id: "g".to_owned(), races, settings: settings.as_object().unwrap().clone() }
}

fn begun(dir: &Path) -> Engine<Words> {
    let engine = Engine::open(Words, "g", dir).unwrap();
    engine.init(&beginning(&["A", "B"], json!({}))).unwrap();
    engine
}

fn refusal<T: std::fmt::Debug>(outcome: Result<T, Failure>) -> Refusal {
    match outcome.unwrap_err() {
        Failure::Refused(refusal) => refusal,
        Failure::Storage(error) => panic!("{error}"),
    }
}

#[test]
fn a_game_begins_once_with_its_races_and_settings() {
    let dir = tempfile::tempdir().unwrap();
    let engine = Engine::open(Words, "g", dir.path()).unwrap();
    assert_eq!(refusal(engine.status()), Refusal::NotInitialised);
    let unknown = refusal(engine.init(&beginning(&["A"], json!({"unknown": 1}))));
    assert!(matches!(unknown, Refusal::InvalidInit(faults) if faults[0].pointer == "/settings/unknown"));
    assert!(matches!(refusal(engine.init(&beginning(&["A", "A"], json!({})))), Refusal::InvalidInit(_)));
    let settings = json!({"map": {"size": 3}});
    let first = engine.init(&beginning(&["A", "B"], settings.clone())).unwrap();
    engine.close_turn(0).unwrap();
    let again = engine.init(&beginning(&["B", "A"], settings.clone())).unwrap();
    assert_eq!((first.turn, again.turn), (0, 1), "an identical init begins nothing");
    for other in [
        beginning(&["A"], settings.clone()),
        beginning(&["A", "B", "B"], settings.clone()),
        beginning(&["A", "B"], json!({})),
        beginning(&["A", "B"], json!({"map": {"size": 4}})),
    ] {
        assert_eq!(refusal(engine.init(&other)), Refusal::AlreadyInitialised);
    }
    let other = Beginning { game_id: "h".to_owned(), ..beginning(&["A", "B"], settings) };
    assert_eq!(refusal(engine.init(&other)), Refusal::WrongGame("g".to_owned()));
}

#[test]
fn only_the_open_turn_is_closed_and_only_once() {
    let dir = tempfile::tempdir().unwrap();
    let engine = begun(dir.path());
    assert_eq!(engine.close_turn(0).unwrap().turn, 1);
    assert_eq!(engine.close_turn(1).unwrap().turn, 2);
    assert_eq!(engine.close_turn(1).unwrap().turn, 2, "asked again, it answers and makes nothing");
    for wrong in [0, 3, u32::MAX] {
        assert_eq!(refusal(engine.close_turn(wrong)), Refusal::TurnMismatch { current: 2, expected: wrong });
    }
    assert!(engine.close_turn(2).unwrap().status.finished);
    assert!(engine.close_turn(2).unwrap().status.finished, "the last turn is asked for again, too");
    assert_eq!(refusal(engine.close_turn(3)), Refusal::GameFinished);
}

#[test]
fn who_may_order_is_the_same_in_every_game() {
    let dir = tempfile::tempdir().unwrap();
    let engine = begun(dir.path());
    engine.order("A", 0, &[json!("one")]).unwrap();
    engine.order("A", 0, &[json!("two")]).unwrap();
    assert_eq!(engine.report("A", 0).unwrap()["said"], json!([["A", "two"]]), "in place of the earlier ones");
    assert_eq!(refusal(engine.order("C", 0, &[])), Refusal::UnknownRace);
    assert_eq!(refusal(engine.order("A", 1, &[])), Refusal::TurnAlreadyClosed { current: 0, wanted: 1 });
    assert!(engine.banish("B").unwrap().status.races[1].extinct);
    assert!(engine.banish("B").unwrap().status.races[1].extinct);
    assert_eq!(refusal(engine.banish("C")), Refusal::UnknownRace);
    assert_eq!(refusal(engine.order("B", 0, &[])), Refusal::RaceExtinct);
    assert_eq!(refusal(engine.command("B", &[])), Refusal::RaceExtinct);
    engine.report("B", 0).unwrap();
    (0..3).for_each(|turn| drop(engine.close_turn(turn).unwrap()));
    assert_eq!(refusal(engine.order("A", 3, &[])), Refusal::GameFinished);
    assert_eq!(refusal(engine.command("A", &[])), Refusal::GameFinished);
    assert_eq!(refusal(engine.banish("A")), Refusal::GameFinished);
    engine.banish("B").unwrap();
}

/// What is answered is on disk: an engine that is opened anew on it is the same engine.
#[test]
fn reports_of_closed_turns_outlive_the_engine_and_never_change() {
    let dir = tempfile::tempdir().unwrap();
    let engine = begun(dir.path());
    engine.order("A", 0, &[json!("one")]).unwrap();
    let before = engine.report("A", 0).unwrap();
    engine.close_turn(0).unwrap();
    let standing = engine.status().unwrap();
    drop(engine);
    let engine = Engine::open(Words, "g", dir.path()).unwrap();
    assert_eq!(engine.status().unwrap(), standing);
    assert_eq!(engine.report("A", 0).unwrap(), before);
    assert_eq!(refusal(engine.report("A", 2)), Refusal::NoReport(2));
    assert_eq!(refusal(engine.report("C", 0)), Refusal::UnknownRace);
    assert!(Engine::open(Words, "another", dir.path()).is_err(), "held, and another game's");
}

#[test]
fn a_game_that_breaks_the_contract_fails_with_words_and_stays_as_it_was() {
    let dir = tempfile::tempdir().unwrap();
    let engine = begun(dir.path());
    engine.banish("B").unwrap();
    for (word, said) in [
        ("fail", "the stars are wrong"),
        ("win", "before the game is finished"),
        ("strange", "before the game is finished"),
        ("revive", "is back"),
        ("forget", "every race"),
    ] {
        engine.order("A", 0, &[json!(word)]).unwrap();
        let Refusal::Failed(why) = refusal(engine.close_turn(0)) else { panic!("{word}") };
        assert!(why.contains(said), "{why}");
        assert_eq!(engine.status().unwrap().turn, 0);
    }
    engine.order("A", 0, &[json!("panic")]).unwrap();
    let closing = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| engine.close_turn(0)));
    assert!(closing.is_err());
    engine.order("A", 0, &[]).unwrap();
    assert_eq!(engine.close_turn(0).unwrap().turn, 1, "the engine goes on");
}

/// Nobody but the platform can say what becomes of it: an error would be asked again for minutes.
#[test]
fn a_report_that_breaks_the_contract_is_answered_as_it_is() {
    let dir = tempfile::tempdir().unwrap();
    let engine = begun(dir.path());
    engine.order("A", 0, &[json!("a\0b")]).unwrap();
    assert_eq!(engine.report("A", 0).unwrap()["said"], json!([["A", "a\0b"]]));
}
