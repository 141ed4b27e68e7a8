//! What the platform takes from no engine, looked for before a state is kept: a game that breaks the contract by mistake fails at
//! the call that did it, with words that say how, and stays as it was.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::game::Status;

/// Bytes of a report, where the operator has not set another limit.
const MAX_REPORT: usize = 1 << 20;
/// Objects and arrays within each other, in any answer.
const MAX_DEPTH: usize = 100;

/// Whether `new` may follow `old` in a game of these races.
///
/// # Errors
/// What is wrong, for the author.
pub(crate) fn check(races: &[String], old: Option<&Status>, new: &Status) -> Result<(), String> {
    let known: BTreeSet<&str> = races.iter().map(String::as_str).collect();
    let told: BTreeSet<&str> = new.races.iter().map(|race| race.race_name.as_str()).collect();
    if told != known || new.races.len() != races.len() {
        return Err("the status does not name every race of init once, and no other".to_owned());
    }
    if !new.finished && !new.winners.is_empty() {
        return Err("somebody has won before the game is finished".to_owned());
    }
    if let Some(winner) = new.winners.iter().find(|winner| !known.contains(winner.as_str())) {
        return Err(format!("the winner {winner:?} is none of the races"));
    }
    let Some(old) = old else {
        return match new.races.iter().find(|race| race.extinct) {
            Some(race) => Err(format!("the race {:?} begins extinct", race.race_name)),
            None => Ok(()),
        };
    };
    if old.finished && !new.finished {
        return Err("the game was finished and is not any more".to_owned());
    }
    let gone: BTreeSet<&str> =
        old.races.iter().filter(|race| race.extinct).map(|race| race.race_name.as_str()).collect();
    match new.races.iter().find(|race| !race.extinct && gone.contains(race.race_name.as_str())) {
        Some(race) => Err(format!("the race {:?} was extinct and is back", race.race_name)),
        None => Ok(()),
    }
}

/// Whether the platform passes a report on.
///
/// # Errors
/// What is wrong with it, for the author.
pub(crate) fn check_report(report: &Value) -> Result<(), String> {
    check_value(report, MAX_DEPTH)?;
    match serde_json::to_vec(report) {
        Ok(bytes) if bytes.len() > MAX_REPORT => {
            Err(format!("it has {} bytes, and {MAX_REPORT} are the most", bytes.len()))
        }
        Ok(_) => Ok(()),
        Err(error) => Err(error.to_string()),
    }
}

fn check_value(value: &Value, room: usize) -> Result<(), String> {
    let nul = || Err("it holds a U+0000".to_owned());
    let deeper = || room.checked_sub(1).ok_or_else(|| format!("it is nested deeper than {MAX_DEPTH} levels"));
    match value {
        Value::String(text) if text.contains('\0') => nul(),
        Value::Object(members) if members.keys().any(|name| name.contains('\0')) => nul(),
        Value::Array(items) => deeper().and_then(|room| items.iter().try_for_each(|item| check_value(item, room))),
        Value::Object(members) => {
            deeper().and_then(|room| members.values().try_for_each(|member| check_value(member, room)))
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::game::Race;

    fn status(finished: bool, winners: &[&str], races: &[(&str, bool)]) -> Status {
        let races = races.iter().map(|(name, extinct)| Race::new(*name, *extinct)).collect();
        Status { finished, winners: winners.iter().map(|name| (*name).to_owned()).collect(), races }
    }

    #[test]
    fn what_the_platform_would_refuse_is_found_first() {
        let races = ["A".to_owned(), "B".to_owned()];
        let both = status(false, &[], &[("A", false), ("B", false)]);
        let one_out = status(false, &[], &[("A", false), ("B", true)]);
        let over = status(true, &["A"], &[("A", false), ("B", true)]);
        for (old, new) in [(None, &both), (Some(&both), &both), (Some(&both), &one_out), (Some(&one_out), &over)] {
            assert_eq!(check(&races, old, new), Ok(()));
        }
        for (old, new, said) in [
            (None, &one_out, "begins extinct"),
            (None, &status(false, &[], &[("A", false)]), "every race"),
            (None, &status(false, &[], &[("A", false), ("A", false)]), "every race"),
            (Some(&both), &status(false, &["A"], &[("A", false), ("B", false)]), "before the game is finished"),
            (Some(&both), &status(true, &["C"], &[("A", false), ("B", false)]), "none of the races"),
            (Some(&one_out), &both, "is back"),
            (Some(&over), &one_out, "not any more"),
        ] {
            let fault = check(&races, old, new).unwrap_err();
            assert!(fault.contains(said), "{fault}");
        }
    }

    #[test]
    fn a_report_that_will_not_pass_is_told_from_one_that_will() {
        let nested = |levels: usize| (1..levels).fold(json!([]), |inner, _| json!([inner]));
        for good in [json!(null), json!({"a": ["b\u{1}", 1.5]}), nested(MAX_DEPTH), json!("x".repeat(MAX_REPORT - 2))] {
            assert_eq!(check_report(&good), Ok(()));
        }
        for (bad, said) in [
            (json!({"a": ["\0"]}), "U+0000"),
            (json!([{"a\0": 1}]), "U+0000"),
            (nested(MAX_DEPTH + 1), "deeper than 100"),
            (json!("x".repeat(MAX_REPORT - 1)), "1048577 bytes"),
        ] {
            let fault = check_report(&bad).unwrap_err();
            assert!(fault.contains(said), "{fault}");
        }
    }
}
