//! What is done in each round: decided by the seed alone, before anything is done.

use std::fmt;
use std::time::Duration;

use rand::rngs::StdRng;
use rand::seq::{IndexedRandom as _, SliceRandom as _};
use rand::{Rng as _, SeedableRng as _};
use testkit::proxy::Direction;
use testkit::stack::PROCESSES;

/// A kind of blow. Those that a worker dies of come first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    /// SIGKILL, and a new start.
    Kill,
    /// SIGSTOP for longer than a lease, then SIGCONT: a zombie.
    Freeze,
    /// SIGTERM, and a new start.
    Terminate,
    /// Every connection of Postgres is ended.
    Sever,
    /// Postgres crashes, and comes back.
    Crash,
    /// The network before Postgres passes nothing for longer than a lease, and then all that it held.
    Hold,
    /// The network before Postgres resets every connection, and refuses new ones for longer than a lease.
    Cut,
    /// The network before Postgres is slow for as long.
    Slow,
    /// The network before Postgres closes one way of every connection.
    HalfClose,
}

/// The blows of one batch. Each is drawn once before any comes again: a short run has them all.
pub(super) const DECK: [Kind; 10] = [
    Kind::Kill,
    Kind::Kill,
    Kind::Freeze,
    Kind::Terminate,
    Kind::Sever,
    Kind::Crash,
    Kind::Hold,
    Kind::Cut,
    Kind::Slow,
    Kind::HalfClose,
];

impl Kind {
    /// Each of them once.
    pub(super) const ALL: [Kind; 9] = [
        Kind::Kill,
        Kind::Freeze,
        Kind::Terminate,
        Kind::Sever,
        Kind::Crash,
        Kind::Hold,
        Kind::Cut,
        Kind::Slow,
        Kind::HalfClose,
    ];

    /// For people.
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Kind::Kill => "kill -9",
            Kind::Freeze => "SIGSTOP past the lease",
            Kind::Terminate => "SIGTERM",
            Kind::Sever => "all backends ended",
            Kind::Crash => "Postgres crashed",
            Kind::Hold => "packets held",
            Kind::Cut => "network cut",
            Kind::Slow => "network slow",
            Kind::HalfClose => "one way closed",
        }
    }
}

/// What is done in a round.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Blow {
    pub(super) kind: Kind,
    /// Whom it hits, if it is one of our processes.
    pub(super) process: &'static str,
    /// Which of its replicas.
    pub(super) replica: usize,
    /// How long a frozen process stays so, and a network that holds, is cut or is slow.
    pub(super) frozen: Duration,
    /// Which way a network closes.
    pub(super) way: Direction,
    /// Whether the round waits until a killed process is ready again. If not, what comes next hits it as it starts.
    pub(super) lets_come_up: bool,
}

impl Blow {
    /// Whether one of our processes is hit, rather than Postgres.
    pub(super) fn hits_a_process(&self) -> bool {
        matches!(self.kind, Kind::Kill | Kind::Freeze | Kind::Terminate)
    }

    /// What is hit.
    pub(super) fn target(&self) -> &'static str {
        if self.hits_a_process() { self.process } else { "postgres" }
    }
}

impl fmt::Display for Blow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.kind.as_str())?;
        if self.hits_a_process() {
            write!(f, ": {}-{}", self.process, self.replica)?;
        }
        match self.kind {
            Kind::Freeze | Kind::Hold | Kind::Cut | Kind::Slow => write!(f, " for {:.1} s", self.frozen.as_secs_f64()),
            Kind::HalfClose if self.way == Direction::ToUpstream => write!(f, ": Postgres hears nothing more"),
            Kind::HalfClose => write!(f, ": Postgres is heard no more"),
            Kind::Kill if !self.lets_come_up => write!(f, ", and on at once"),
            _ => Ok(()),
        }
    }
}

/// One round.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Round {
    /// How long the load goes on before it.
    pub(super) after: Duration,
    pub(super) blow: Blow,
    /// Whether the follower of the push stream hangs up as well, and resumes elsewhere.
    pub(super) hangs_up: bool,
}

/// The rounds of a run. Every draw is made in every round, used or not: rounds do not shift each other's.
pub(super) fn plan(seed: u64, rounds: usize, replicas: usize) -> Vec<Round> {
    let mut random = StdRng::seed_from_u64(seed);
    let mut deck: Vec<Kind> = Vec::new();
    let mut plan = Vec::new();
    while plan.len() < rounds {
        if deck.is_empty() {
            deck.extend(DECK);
            deck.shuffle(&mut random);
        }
        let Some(kind) = deck.pop() else { break };
        let after = Duration::from_millis(random.random_range(200..2500));
        let process = PROCESSES.choose(&mut random).copied().unwrap_or_default();
        let replica = random.random_range(0..replicas.max(1));
        // A lease lasts 5 s, and those who look for lost rows look each second.
        let frozen = Duration::from_millis(random.random_range(6500..9000));
        let lets_come_up = random.random_ratio(3, 4);
        let way = if random.random_ratio(1, 2) { Direction::ToUpstream } else { Direction::ToClient };
        // Once in each batch for sure: else a run might never see a stream resumed.
        let hangs_up = random.random_ratio(1, 3) || kind == Kind::Terminate;
        plan.push(Round { after, blow: Blow { kind, process, replica, frozen, way, lets_come_up }, hangs_up });
    }
    plan
}

/// The rounds in which each process is ended in order, one after the other, whatever the seed says.
pub(super) fn ends(replicas: usize) -> Vec<Round> {
    let after = Duration::from_secs(2);
    let whom = PROCESSES.into_iter().flat_map(|process| (0..replicas).map(move |replica| (process, replica)));
    let (kind, frozen, way, lets_come_up) = (Kind::Terminate, Duration::ZERO, Direction::ToUpstream, true);
    let blows = whom.map(|(process, replica)| Blow { kind, process, replica, frozen, way, lets_come_up });
    blows.map(|blow| Round { after, blow, hangs_up: false }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_process_is_ended_once() {
        let ended: Vec<String> = ends(2).iter().map(|round| round.blow.to_string()).collect();
        assert_eq!(ended.len(), 2 * PROCESSES.len());
        assert_eq!(ended[..2], ["SIGTERM: api-server-0", "SIGTERM: api-server-1"]);
    }

    #[test]
    fn a_seed_says_all_and_a_longer_run_begins_as_a_shorter_one() {
        assert_eq!(plan(7, 30, 2), plan(7, 30, 2));
        assert_eq!(plan(7, 30, 2)[..12], plan(7, 12, 2)[..]);
        assert_ne!(plan(7, 30, 2), plan(8, 30, 2));
    }

    #[test]
    fn each_batch_has_every_kind_and_a_follower_that_hangs_up() {
        for batch in plan(11, 50 * DECK.len(), 2).chunks(DECK.len()) {
            let mut kinds: Vec<Kind> = batch.iter().map(|round| round.blow.kind).collect();
            kinds.sort();
            let mut deck = DECK.to_vec();
            deck.sort();
            assert_eq!(kinds, deck);
            kinds.dedup();
            assert_eq!(kinds, Kind::ALL);
            assert!(batch.iter().any(|round| round.hangs_up), "the follower hangs up");
        }
    }
}
