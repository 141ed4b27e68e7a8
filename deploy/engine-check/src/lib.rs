//! The conformance test for game engines: any image, program or address against the contract of SPEC §9
//! (`docs/engine-contract.md`), whose rules are [`RULES`].
//!
//! It plays one game from `init` to its end without a single good order, since orders are the game's own. Where it starts the engine
//! itself it also ends it, kills it between turns and within them, and starts it again: what was answered must be there. What could not
//! be looked at is listed with the reason; nothing is passed over in silence.

mod address;
mod answer;
mod ask;
mod book;
mod caller;
pub mod document;
mod play;
mod report;
mod subject;
pub mod table;
mod watch;

use std::time::Duration;

use anyhow::Result;
use serde_json::Value;

pub use address::own_address;
pub use book::{Fault, Outcome};
pub use report::{Format, Report};
pub use subject::Subject;
pub use table::{Part, RULES, Rule};

/// What a test is told.
#[derive(Debug, Clone)]
pub struct Options {
    /// Turns after which a game that goes on has failed to end.
    pub max_turns: u64,
    /// Play so many turns and no more; the end is then left out, and said to be.
    pub turns: Option<u64>,
    /// Good orders of the race Alpha for turn 0, as an array: whether the engine takes them, and again, is looked at too.
    pub orders: Option<Value>,
    /// The game's settings, an object, as `init` gives them.
    pub settings: Value,
    /// Bytes of a report (`BACKEND_RUNTIME_REPORT_LIMIT`).
    pub report_limit: usize,
    /// How long the engine may take to answer after its start; a minute at most, as the platform waits.
    pub patience: Duration,
    /// How long a read may take (`BACKEND_ENGINE_PROBE_TIMEOUT`).
    pub reads: Duration,
    /// How long a write may take (`BACKEND_ENGINE_CALL_TIMEOUT`).
    pub writes: Duration,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            max_turns: 500,
            turns: None,
            orders: None,
            settings: Value::Object(serde_json::Map::new()),
            report_limit: 1 << 20,
            patience: Duration::from_secs(60),
            reads: Duration::from_secs(5),
            writes: Duration::from_secs(60),
        }
    }
}

/// Tests an engine; `tell` hears how far it is, line by line.
///
/// # Errors
/// When nothing could be tested: the program is not there, docker does not answer. An engine that does not come up is a broken rule.
pub async fn check(subject: Subject, options: &Options, tell: &mut dyn FnMut(&str)) -> Result<Report> {
    let (name, outcomes) = play::play(subject, options, tell).await?;
    Ok(Report::new(name, outcomes))
}
