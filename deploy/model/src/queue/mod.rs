//! The queue's protocol: claim, lease, effect, finish, rescue (SPEC §10, docs/queue.md).
//!
//! A step is a statement, which is a transaction, or something that happens to a process. Time is not counted: a lease
//! runs out, and a deadline passes, at any moment at which it may. What the clocks promise is an order: a worker stops
//! trusting its lease before the database ends it.
//!
//! Every run ends, since each fault has a budget: a test proves that no step leads back. So "every row comes to an end"
//! is the same as "no state without a next step has a row that has not ended".

mod faults;
mod state;
mod steps;

use stateright::{Model, Property};

pub use state::{Faults, Id, Remembered, Row, Run, Stage, State, Status, Task, Verdict, Worker, Wrongs};

/// Failures after which a row is dead: the least that tells a retry from a death.
pub const BUDGET: u8 = 2;

/// Deaths alone after which a row is quarantined.
pub const STRIKES: u8 = 3;

/// What the protocol stands on. Each is taken out in a test, and the checker then finds what it is there for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Guards {
    /// The claim locks what it selects, and skips what others have locked: one step. Without it, a select and an update.
    pub claim_locks: bool,
    /// A finish matches by token.
    pub finish_by_token: bool,
    /// A finish raises the token.
    pub finish_raises: bool,
    /// A rescue raises the token.
    pub rescue_raises: bool,
    /// `hold` matches by token.
    pub hold_by_token: bool,
    /// The lease is asked before each effect.
    pub lease_before_effect: bool,
    /// A worker stops trusting its lease before the database ends it.
    pub margin: bool,
    /// After an outage a worker calls nobody dead until the others had time to hand in what they did.
    pub judges_late: bool,
    /// A suspect is worked alone.
    pub suspects_alone: bool,
    /// After a lost answer the next claim first gives back what it left.
    pub reclaim: bool,
    /// By the token: a row whose former attempt is not forgotten yet is given back too.
    pub reclaim_by_token: bool,
    /// Before suspects are claimed, too.
    pub reclaim_before_suspects: bool,
    /// Claims without the watermark, now and then.
    pub sweep: bool,
    /// Rows of dead workers, and those past their deadline, are taken.
    pub rescue: bool,
}

impl Guards {
    /// The protocol as it is.
    pub const ALL: Self = Self {
        claim_locks: true,
        finish_by_token: true,
        finish_raises: true,
        rescue_raises: true,
        hold_by_token: true,
        lease_before_effect: true,
        margin: true,
        judges_late: true,
        suspects_alone: true,
        reclaim: true,
        reclaim_by_token: true,
        reclaim_before_suspects: true,
        sweep: true,
        rescue: true,
    };
}

/// A queue with its workers, and what may go wrong.
#[derive(Debug, Clone)]
pub struct Queue {
    /// Processes.
    pub workers: u8,
    /// Slots of each; a slot takes one row.
    pub slots: usize,
    /// Rows.
    pub rows: u8,
    /// Its effect kills the worker, each time.
    pub poison: Option<u8>,
    /// Rows are committed in any order, whatever their due times, and claims have watermarks.
    pub late_commits: bool,
    /// What may go wrong.
    pub faults: Faults,
    /// What it stands on.
    pub guards: Guards,
}

impl Queue {
    /// Two workers of two slots each with two rows, all guards, and nothing that goes wrong.
    #[must_use]
    pub fn calm() -> Self {
        Self {
            workers: 2,
            slots: 2,
            rows: 2,
            poison: None,
            late_commits: false,
            faults: Faults::default(),
            guards: Guards::ALL,
        }
    }
}

/// A step. The workers and the rows are numbered; a task is named by its place in the worker's list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Action {
    /// A producer commits a row.
    Commit(u8),
    /// A process starts in the place of one that is gone.
    Start(u8),
    /// A process registers, and has a lease.
    Register(u8),
    /// Its own clock ends its trust in the lease.
    Doubt(u8),
    /// It drops its work, to hand it back.
    Drop(u8),
    /// From now on it may call others dead.
    Judge(u8),
    /// The database's clock ends a lease.
    Expire(Id),
    /// Claims above the watermark.
    Look(u8),
    /// Claims all that is due.
    Sweep(u8),
    /// Claims a suspect.
    ClaimSuspect(u8),
    /// One of the three, and its answer is lost.
    ClaimUnheard(u8, bool),
    /// Gives back what a lost answer left.
    Reclaim(u8),
    /// Only without [`Guards::claim_locks`]: the update of the rows that a select before it found.
    Take(u8, u8),
    /// The transaction in mid-work that begins with `hold`.
    Hold(u8, usize),
    /// The effect outside Postgres, and its verdict.
    Effect(u8, usize, Verdict),
    /// Writes a verdict; `false`: and does not hear of the commit.
    Finish(u8, usize, bool),
    /// Takes a lost row.
    Rescue(u8, u8),
    /// The deadline of a row passes that its owner does not know of.
    Overdue(u8),
    /// A process is killed.
    Kill(u8),
    /// It is sent SIGSTOP.
    Stop(u8),
    /// It loses Postgres.
    Cut(u8),
    /// It goes on, or reaches Postgres again.
    Return(u8),
    /// Everybody loses Postgres for longer than a lease.
    Outage,
    /// An administrator sets a row going again.
    Redrive(u8),
    /// An attempt hangs until its row's deadline has passed.
    Hang(u8, usize),
}

impl Action {
    /// Whether it costs a budget: a state with nothing but such next steps is an end.
    fn is_fault(self) -> bool {
        match self {
            Self::Kill(_) | Self::Stop(_) | Self::Cut(_) | Self::Outage => true,
            Self::Hang(..) | Self::ClaimUnheard(..) | Self::Redrive(_) => true,
            Self::Finish(_, _, heard) => !heard,
            Self::Effect(_, _, verdict) => verdict == Verdict::Failed,
            _ => false,
        }
    }
}

/// Names of the properties.
pub mod must {
    /// A finish or a step changes only what its own attempt still has.
    pub const RECORDED_BY_THE_HOLDER: &str = "a result is recorded only by whoever still holds the row";
    /// Also where the worker did not hear of the commit.
    pub const RECORDED_ONCE: &str = "the result of an attempt is recorded once";
    /// Nor of one that has ended.
    pub const EFFECT_BY_THE_HOLDER: &str = "no effect by a worker that has lost the row";
    /// What the claim and the rescue promise.
    pub const ONE_HOLDER: &str = "no two workers that both may have effects have the same row";
    /// An outage makes no suspects, nor does a lost answer.
    pub const SUSPECT_FOR_CAUSE: &str = "a row is suspect only where somebody who had it died";
    /// What the two kinds of budget count.
    pub const STRIKES_ARE_ITS_OWN: &str = "a row is blamed only for deaths while it was worked alone";
    /// Failures have a budget of their own.
    pub const FAILURES_ARE_ITS_OWN: &str = "a row is blamed only for failures of its own";
    /// And the other way around.
    pub const BUDGET_ENDS: &str = "a row without a worker is within its budgets, or has ended by them";
    /// Nothing is forgotten.
    pub const ENDS: &str = "every row comes to an end";
}

impl Model for Queue {
    type State = State;
    type Action = Action;

    fn init_states(&self) -> Vec<State> {
        vec![self.begin()]
    }

    fn actions(&self, state: &State, actions: &mut Vec<Action>) {
        self.possible(state, actions);
    }

    fn next_state(&self, state: &State, action: Action) -> Option<State> {
        crate::after(state, |next| self.apply(next, action))
    }

    fn properties(&self) -> Vec<Property<Self>> {
        vec![
            Property::always(must::RECORDED_BY_THE_HOLDER, |_, s: &State| !s.wrongs.stale_record),
            Property::always(must::RECORDED_ONCE, |_, s: &State| !s.wrongs.recorded_twice),
            Property::always(must::EFFECT_BY_THE_HOLDER, |_, s: &State| !s.wrongs.stale_effect),
            Property::always(must::ONE_HOLDER, |_, s: &State| {
                (0..s.rows.len()).all(|row| s.workers.iter().filter(|w| w.may_affect(row)).count() <= 1)
            }),
            Property::always(must::SUSPECT_FOR_CAUSE, |_, s: &State| {
                s.rows.iter().all(|row| !row.suspect || row.remembered.bereaved)
            }),
            Property::always(must::STRIKES_ARE_ITS_OWN, |_, s: &State| {
                s.rows.iter().all(|row| row.crashes <= row.remembered.bereaved_alone)
            }),
            Property::always(must::FAILURES_ARE_ITS_OWN, |_, s: &State| {
                s.rows.iter().all(|row| row.failures <= row.remembered.failed)
            }),
            Property::always(must::BUDGET_ENDS, |_, s: &State| {
                s.rows.iter().all(|row| match row.status {
                    Status::Dead => row.failures >= BUDGET,
                    Status::Quarantined => row.crashes >= STRIKES,
                    _ => row.failures < BUDGET && row.crashes < STRIKES,
                })
            }),
            Property::always(must::ENDS, |model: &Self, s: &State| {
                s.rows.iter().all(|row| row.status.is_end()) || crate::goes_on(model, s, |action| !action.is_fault())
            }),
        ]
    }
}
