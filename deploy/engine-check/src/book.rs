//! What came of each rule.

use std::collections::BTreeMap;

use crate::table::{RULES, Rule};

/// What is wrong, and the request that shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// What was seen.
    pub said: String,
    /// The request to repeat by hand; empty where there was none.
    pub curl: String,
}

impl Fault {
    /// A fault that no single request shows.
    pub(crate) fn plain(said: impl Into<String>) -> Self {
        Self { said: said.into(), curl: String::new() }
    }
}

/// What came of a rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// It held, as often as it was looked at.
    Held(u32),
    /// It was broken: the first time, and how often in all.
    Broken(Fault, u32),
    /// It was not looked at, and why.
    LeftOut(String),
}

/// The outcomes while they are gathered.
#[derive(Debug, Default)]
pub(crate) struct Book {
    held: BTreeMap<&'static str, u32>,
    broken: BTreeMap<&'static str, (Fault, u32)>,
}

impl Book {
    /// Notes that a rule held or was broken; answers whether it held.
    pub(crate) fn note(&mut self, rule: Rule, outcome: Result<(), Fault>) -> bool {
        match outcome {
            Ok(()) => {
                *self.held.entry(rule.id).or_default() += 1;
                true
            }
            Err(fault) => {
                self.broken.entry(rule.id).or_insert((fault, 0)).1 += 1;
                false
            }
        }
    }

    /// The outcome of every rule, in the table's order; `why` says why those are missing that were not looked at.
    pub(crate) fn close(mut self, why: impl Fn(&Rule) -> String) -> Vec<(Rule, Outcome)> {
        let outcome = |rule: &Rule| match (self.broken.remove(rule.id), self.held.get(rule.id)) {
            (Some((fault, times)), _) => Outcome::Broken(fault, times),
            (None, Some(times)) => Outcome::Held(*times),
            (None, None) => Outcome::LeftOut(why(rule)),
        };
        let outcomes: Vec<Outcome> = RULES.iter().map(outcome).collect();
        RULES.iter().copied().zip(outcomes).collect()
    }
}
