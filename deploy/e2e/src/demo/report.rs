//! What is said at the end.

use std::fmt;
use std::time::Duration;

use super::measure::Latencies;
use super::outcome::{Counted, Finish};
use super::stage::Stage;
use crate::gateway::Traced;

/// Repeated calls that the report shows; while a replica is away there may be hundreds.
const SHOWN: usize = 5;

/// The demo in figures.
#[derive(Debug, Clone)]
pub struct Report {
    /// How many people played.
    pub players: usize,
    /// The games.
    pub games: Vec<Finish>,
    /// Mails, each Message-ID once.
    pub mails: usize,
    /// Further copies of a mail, after a crash.
    pub repeated_mails: usize,
    /// Events on the push stream.
    pub events: usize,
    /// How often the gateway's stream was resumed.
    pub resumes: usize,
    /// REST calls that had to be repeated: which, and why.
    pub retries: Vec<String>,
    /// Tokens and keys of the players' sessions, which nobody else may come to know.
    pub secrets: Vec<String>,
    /// The traces that the gateway began.
    pub traced: Vec<Traced>,
    /// The trace contexts that the entries of the push stream came with, in their order.
    pub frames: Vec<String>,
    /// From intent to effect.
    pub latencies: Latencies,
    /// From the first sign-up to the last count.
    pub took: Duration,
}

impl Report {
    pub(super) fn new(stage: &Stage, players: usize, games: Vec<Finish>, counted: Counted, took: Duration) -> Report {
        Report {
            players,
            games,
            mails: counted.mails,
            repeated_mails: counted.repeated_mails,
            events: counted.events,
            resumes: counted.resumes,
            retries: stage.rest.retries(),
            secrets: stage.secrets.clone(),
            traced: stage.rest.traced(),
            frames: stage.push.look(|journal| journal.entries.iter().map(|entry| entry.traceparent.clone()).collect()),
            latencies: stage.latencies.clone(),
            took,
        }
    }

    /// Turns of all games.
    pub fn turns(&self) -> u32 {
        self.games.iter().map(|game| game.turns).sum()
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "Summary")?;
        writeln!(f, "  players   {}", self.players)?;
        for game in &self.games {
            let (orders, late) = (game.orders, game.late);
            writeln!(
                f,
                "  game      {}: {} turns, {orders} orders, {late} too late, won by {}",
                game.name(),
                game.turns,
                game.winners.join(", ")
            )?;
        }
        writeln!(f, "  turns     {}", self.turns())?;
        writeln!(f, "  mails     {}, copies after a crash {}", self.mails, self.repeated_mails)?;
        writeln!(f, "  events    {}, stream resumed {} times", self.events, self.resumes)?;
        writeln!(f, "  calls     repeated {}", self.retries.len())?;
        for call in self.retries.iter().take(SHOWN) {
            writeln!(f, "            {call}")?;
        }
        writeln!(f, "  time      {:.1} s", self.took.as_secs_f64())?;
        writeln!(f, "  from the commit of an intent until")?;
        write!(f, "{}", self.latencies)
    }
}
