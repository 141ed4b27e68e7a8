//! Answers of engines, from what engines say: nothing passes the door that is not of its size and form.

use std::collections::HashSet;

use serde_json::Value;
use testkit::fuzz::Target;

use super::super::door::{NO_CODE, Refusal, sound};
use super::super::types;
use super::*;

const SAMPLES: [&str; 5] = [
    r#"{"game_id":"0190d1a0-0000-7000-8000-000000000001","turn":3,"finished":true,"more":1,"winners":["A"],
        "races":[{"race_name":"A","planets":2,"population":10.5,"extinct":false},{"race_name":"Б","extinct":true}]}"#,
    r#"{"game_id":"0190d1a0-0000-7000-8000-000000000001","turn":0,"finished":false,"races":[]}"#,
    r#"{"code":"bad_order","detail":"no such planet","errors":[{"pointer":"/orders/0","code":"no_planet","detail":"7 is none"},7]}"#,
    r#"{"code":7,"detail":{},"errors":{}}"#,
    " \r\n",
];
const WORDS: &[&str] = &[
    "\\u0000",
    "\\",
    "\"",
    "[[[[[[[[[[",
    "]",
    "{\"a\":",
    "}",
    ",",
    "1e999",
    "-1",
    "2147483648",
    "null",
    "\"race_name\":\"A\"",
    "\"winners\":",
    "\"errors\":[{}]",
    "\"code\":\"a_1\"",
    "true",
];

/// Levels of a value, and whether a NUL is in it.
fn looked_at(value: &Value) -> (usize, bool) {
    let inner: Vec<_> = match value {
        Value::String(text) => return (0, text.contains('\0')),
        Value::Array(items) => items.iter().map(looked_at).collect(),
        Value::Object(members) => {
            let names = members.keys().map(|name| (0, name.contains('\0')));
            members.values().map(looked_at).chain(names).collect()
        }
        _ => return (0, false),
    };
    (1 + inner.iter().map(|(depth, _)| *depth).max().unwrap_or(0), inner.iter().any(|(_, nul)| *nul))
}

#[test]
fn what_is_sound_has_no_nul_and_no_bottomless_nesting_and_the_rest_is_not_sound() {
    Target::new(10_000).samples(SAMPLES).words(WORDS).bytes(|given| {
        // Of a member that is given twice one is not seen.
        let Ok(value) = serde_json::from_slice::<Value>(given) else { return };
        let (depth, nul) = looked_at(&value);
        if sound(given).is_ok() {
            assert!(depth <= 100 && !nul);
            assert!(types::raw(given).is_ok_and(|raw| raw.get().len() <= given.len()));
        }
        let once = serde_json::to_vec(&value).unwrap();
        assert_eq!(sound(&once).is_ok(), depth <= 100 && !nul);
    });
}

#[test]
fn a_refusal_is_cut_to_size_whatever_it_says() {
    let fits = |code: &str| {
        (1..=64).contains(&code.len())
            && code.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_')
    };
    let line = |text: &str, most: usize| text.chars().count() <= most && !text.contains(char::is_control);
    Target::new(8_000).samples(SAMPLES).words(WORDS).bytes(|given| {
        let Ok(refusal) = Refusal::read(given) else { return };
        assert!(fits(&refusal.code) && fits(NO_CODE) && line(&refusal.detail, 1_000) && refusal.errors.len() <= 100);
        for error in &refusal.errors {
            assert!(fits(&error.code) && line(&error.detail, 1_000) && line(&error.pointer, 512), "{error:?}");
        }
    });
}

#[test]
fn a_status_that_is_taken_is_one() {
    Target::new(10_000).samples(SAMPLES).words(WORDS).bytes(|given| match types::status(given) {
        Ok(status) => {
            let names: HashSet<&str> = status.races.iter().map(|race| race.race_name.as_str()).collect();
            assert!(status.turn >= 0 && status.races.len() <= 1_000);
            assert_eq!(names.len(), status.races.len());
            assert!(names.iter().all(|name| (1..=256).contains(&name.len()) && !name.contains('\0')));
            assert!(status.races.iter().all(|race| race.planets >= 0.0 && race.planets.is_finite()));
            assert!(status.races.iter().all(|race| race.population >= 0.0 && race.population.is_finite()));
            assert!(status.winners.iter().all(|winner| names.contains(winner.as_str())));
            assert!(status.winners.is_empty() || status.finished);
            let races: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
            assert!(status.clone().of(status.game_id, &races).is_ok());
        }
        Err(EngineError::BadAnswer(reason)) => {
            assert!(reason.chars().count() <= 500 && !reason.contains(char::is_control), "{reason:?}");
        }
        Err(other) => panic!("{other:?}"),
    });
}
