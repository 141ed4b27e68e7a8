//! What the model of the queue knows: the table, the leases, the workers, and what the properties remember.

/// A registration in `workers`. One process has several over its life: a lost lease is never revived.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Id {
    /// Whose it is.
    pub worker: u8,
    /// Which registration of this worker's place.
    pub no: u8,
}

/// A row's status; `pending` and `retrying` are one, since a claim makes no difference between them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Status {
    /// The transaction that wrote it is still open.
    Unborn,
    /// Waits to be claimed.
    Due,
    /// A worker has it.
    Active,
    /// Ended well.
    Done,
    /// Its budget of failures is spent.
    Dead,
    /// Its third death alone.
    Quarantined,
}

impl Status {
    /// Whether the engine never looks at it again.
    #[must_use]
    pub fn is_end(self) -> bool {
        matches!(self, Self::Done | Self::Dead | Self::Quarantined)
    }
}

/// A row of a queue's table. What stands under `remembered` is no column: properties look at it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Row {
    /// The column.
    pub status: Status,
    /// `next_attempt_at`, as a place in an order. What is due again is due later than all that was not tried yet.
    pub due: u8,
    /// The fence.
    pub token: u8,
    /// Failures that count.
    pub failures: u8,
    /// To be worked alone.
    pub suspect: bool,
    /// Deaths while it was worked alone.
    pub crashes: u8,
    /// `worker_id`.
    pub owner: Option<Id>,
    /// `deadline_at` has passed.
    pub overdue: bool,
    /// What happened to it in truth.
    pub remembered: Remembered,
}

/// What happened to a row in truth, whatever its columns say.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Remembered {
    /// The lease of somebody who had it ran out, and not for an outage of all.
    pub bereaved: bool,
    /// How often that was while they had nothing else.
    pub bereaved_alone: u8,
    /// Its own failures: verdicts, and attempts that did not end.
    pub failed: u8,
    /// The token of the attempt whose result was recorded last.
    pub recorded: Option<u8>,
}

/// How far a worker is with a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Stage {
    /// Claimed and loaded.
    Claimed,
    /// The transaction that says "the effect begins" has committed.
    Begun,
    /// Over, and not written yet.
    Over(Verdict),
}

/// What a finish is to write.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Verdict {
    /// It ended well.
    Done,
    /// A failure that counts.
    Failed,
    /// Dropped in mid-work: due at once, uncounted.
    Interrupted,
}

/// A row in a worker's memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Task {
    /// Which row.
    pub row: u8,
    /// The token of the claim.
    pub token: u8,
    /// Whether the row was claimed as a suspect: it has all slots.
    pub alone: bool,
    /// How far it is.
    pub stage: Stage,
    /// The process hangs in it for longer than the row's deadline, while it renews its lease.
    pub hung: bool,
}

/// What a process can do just now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Run {
    /// All.
    Well,
    /// Nothing: it was sent SIGSTOP. Its clock goes on.
    Stopped,
    /// All but reach Postgres.
    CutOff,
    /// Nothing ever again.
    Gone,
}

/// A process.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Worker {
    /// What it can do.
    pub run: Run,
    /// Its registration; `None` before it has one, and after it was lost.
    pub id: Option<Id>,
    /// How many registrations there were in its place.
    pub registered: u8,
    /// It trusts its lease, by its own clock.
    pub trusts: bool,
    /// It may call others dead.
    pub judges: bool,
    /// A claim's answer was lost: rows may be ours without our knowing.
    pub doubtful: bool,
    /// The watermark; `None` before the first batch.
    pub mark: Option<u8>,
    /// What it works, and what it has not written yet.
    pub tasks: Vec<Task>,
}

/// How much may go wrong yet. Each kind is a budget, which makes the states finite.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Faults {
    /// Processes that are killed.
    pub kills: u8,
    /// Processes that are stopped for a while.
    pub stops: u8,
    /// Processes that lose Postgres for a while.
    pub cuts: u8,
    /// Outages that cost everybody the lease.
    pub outages: u8,
    /// Commits of which the worker does not hear.
    pub lost_answers: u8,
    /// Attempts that hang beyond their deadline.
    pub hangs: u8,
    /// Verdicts that are failures.
    pub failures: u8,
    /// Rows that an administrator sets going again.
    pub redrives: u8,
}

/// Wrongs that are seen in the step that does them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Wrongs {
    /// A result, or a step of the work, was recorded for an attempt that no longer had the row.
    pub stale_record: bool,
    /// The result of one attempt was recorded twice.
    pub recorded_twice: bool,
    /// An effect outside Postgres by a worker that no longer had the row.
    pub stale_effect: bool,
}

/// The whole of it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct State {
    /// The queue's table.
    pub rows: Vec<Row>,
    /// The ids in `workers` whose lease has not run out on the database's clock.
    pub leases: Vec<Id>,
    /// The processes.
    pub workers: Vec<Worker>,
    /// What may go wrong yet.
    pub left: Faults,
    /// What has gone wrong.
    pub wrongs: Wrongs,
}
