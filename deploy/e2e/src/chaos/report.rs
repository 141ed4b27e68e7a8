//! What is said at the end.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use super::plan::{Blow, Kind};
use crate::demo;

/// A run in figures. It went well if there are no faults.
#[derive(Debug, Clone, Default)]
pub struct Report {
    /// What decided the rounds.
    pub seed: u64,
    /// What does not hold.
    pub faults: Vec<String>,
    /// Tokens and keys of sessions, which nobody else may come to know.
    pub secrets: Vec<String>,
    pub(super) blows: BTreeMap<(Kind, &'static str), usize>,
    pub(super) hang_ups: usize,
    pub(super) codes: usize,
    pub(super) invites: usize,
    pub(super) mails: usize,
    pub(super) copies: BTreeMap<Kind, usize>,
    pub(super) events: usize,
    pub(super) resumes: usize,
    pub(super) games: usize,
    pub(super) turns: i64,
    pub(super) retries: usize,
    /// Calls of the players that had to be repeated; those of the newcomers are counted over the whole run.
    pub(super) players_retries: usize,
    pub(super) slowest_end: Duration,
    pub(super) took: Duration,
}

impl Report {
    /// How many rounds there were.
    pub fn rounds(&self) -> usize {
        self.blows.values().sum()
    }

    /// How many mails came, copies not counted.
    pub fn mails(&self) -> usize {
        self.mails
    }

    /// How many events the follower saw.
    pub fn events(&self) -> usize {
        self.events
    }

    /// How often the follower took its stream up again.
    pub fn resumes(&self) -> usize {
        self.resumes
    }

    /// How many turns the engines made.
    pub fn turns(&self) -> i64 {
        self.turns
    }

    /// The longest that a process took to end after SIGTERM.
    pub fn slowest_end(&self) -> Duration {
        self.slowest_end
    }

    pub(super) fn struck(&mut self, blow: &Blow) {
        *self.blows.entry((blow.kind, blow.target())).or_default() += 1;
    }

    pub(super) fn played(&mut self, demo: &demo::Report) {
        self.players_retries += demo.retries.len();
        self.secrets.extend(demo.secrets.iter().cloned());
    }

    /// A kind, how often, and of what.
    fn row(&self, f: &mut fmt::Formatter<'_>, kind: Kind) -> fmt::Result {
        let of_kind = || self.blows.iter().filter(move |((of, _), _)| *of == kind);
        let all: usize = of_kind().map(|(_, times)| times).sum();
        let whom: Vec<String> = of_kind().map(|((_, whom), times)| format!("{whom} {times}")).collect();
        if all > 0 {
            writeln!(f, "  {:<22} {all:>6}   {}", kind.as_str(), whom.join(", "))?;
        }
        Ok(())
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "Seed {}, {} rounds, {:.0} s", self.seed, self.rounds(), self.took.as_secs_f64())?;
        for kind in Kind::ALL {
            self.row(f, kind)?;
        }
        let (codes, invites) = (self.codes, self.invites);
        writeln!(f, "  {:<22} {:>6}   newcomers: {codes} codes, {invites} invites", "mails", self.mails)?;
        let copies: usize = self.copies.values().sum();
        let why: Vec<String> =
            self.copies.iter().map(|(kind, times)| format!("{times} by {}", kind.as_str())).collect();
        writeln!(f, "  {:<22} {copies:>6}   {}", "copies, explained", why.join(", "))?;
        let (resumes, hang_ups) = (self.resumes, self.hang_ups);
        let stream = format!("stream resumed {resumes} times, {hang_ups} of them at the follower's own wish");
        writeln!(f, "  {:<22} {:>6}   {stream}", "events", self.events)?;
        writeln!(f, "  {:<22} {:>6}   of {} games", "turns", self.turns, self.games)?;
        writeln!(f, "  {:<22} {:>6}", "calls repeated", self.retries + self.players_retries)?;
        match self.faults.len() {
            0 => write!(f, "  nothing is lost, stuck or done twice"),
            n => {
                write!(f, "  faults                 {n:>6}")?;
                self.faults.iter().try_for_each(|fault| write!(f, "\n    {fault}"))
            }
        }
    }
}
