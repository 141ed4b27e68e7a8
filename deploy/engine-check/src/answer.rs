//! What the engine under test answered.

use std::time::Duration;

use serde_json::Value;

use crate::book::Fault;
use crate::table::Rule;

/// What was answered.
#[derive(Debug, Clone)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) content_type: String,
    /// None if it is not JSON.
    pub(crate) body: Option<Value>,
    pub(crate) text: String,
    pub(crate) bytes: usize,
    pub(crate) took: Duration,
    /// The request, to repeat by hand.
    pub(crate) curl: String,
}

impl Answer {
    /// What was seen, cut for people.
    pub(crate) fn seen(&self) -> String {
        let mut text: String = self.text.chars().take(300).collect();
        if text.len() < self.text.len() {
            text.push('…');
        }
        format!("{} {} {text}", self.status, self.content_type)
    }

    pub(crate) fn code(&self) -> &str {
        self.body.as_ref().and_then(|body| body.get("code")).and_then(Value::as_str).unwrap_or_default()
    }

    pub(crate) fn fault(&self, said: impl std::fmt::Display) -> Fault {
        Fault { said: format!("{said}: {}", self.seen()), curl: self.curl.clone() }
    }

    /// Whether this is what a rule wants of an answer's status and code.
    pub(crate) fn suits(&self, rule: &Rule) -> Result<(), Fault> {
        let statuses = rule.statuses.iter().map(u16::to_string).collect::<Vec<_>>().join(" or ");
        if !rule.statuses.contains(&self.status) {
            return Err(self.fault(format!("{statuses} was expected")));
        }
        match rule.code {
            Some(code) if self.code() != code => Err(self.fault(format!("the code {code} was expected"))),
            _ => Ok(()),
        }
    }
}
