//! What a queue is, and the words in which its work is told.

use crate::postgres::Error;
use std::time::Duration;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use sqlx::PgConnection;
use uuid::Uuid;

use super::{context::WorkContext, metrics::Snapshot, wake::Topic};

/// A queue's table and words. All text is our own (`&'static str`) and goes into SQL as it is.
///
/// Due rows always have the status `pending` or `retrying`; the third strike of a crashing row sets `quarantined`.
#[derive(Debug, Clone, Copy)]
pub struct QueueSpec {
    /// The row in `queues` that pauses it, and the label of its metrics.
    pub name: &'static str,
    /// The table, aliased `q` where a predicate of the queue's own is evaluated.
    pub table: &'static str,
    /// The primary key column, a uuid.
    pub key: &'static str,
    /// The status of a row that a worker has: `sending`, `dispatching`, `running`, …
    pub active: &'static str,
    /// The status of a row that failed for good: `dead_lettered`, `failed`.
    pub dead: &'static str,
    /// Priorities `0..n`, the lowest number first. 1: there is only priority 0.
    pub priorities: i16,
    /// A further SQL predicate on alias `q` that a row must meet to be claimed, say the push order; "" for none. It may
    /// name `{arg}`: the text that [`Queue::filter_arg`] gives, as a bind parameter.
    pub filter: &'static str,
    /// A SQL predicate on alias `q` that a finished row must meet to be removed by age; "" for none.
    pub removable: &'static str,
    /// The topic that tells of new rows.
    pub topic: Topic,
}

/// How a queue is worked in this process.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Calls of [`Queue::work`] under way at once, but for those that gave theirs up ([`WorkContext::leave_slot`]).
    pub slots: usize,
    /// Most rows given to one call of [`Queue::work`].
    pub batch: usize,
    /// Hard limit of one call of [`Queue::work`]; past it the call is dropped and its rows are retried, counted.
    pub attempt_limit: Duration,
    /// Counted failures after which a row is dead.
    pub max_attempts: u32,
    /// Upper bound of the first retry's delay.
    pub backoff_base: Duration,
    /// By what the bound is multiplied with each further failure.
    pub backoff_growth: u32,
    /// Upper bound of any retry's delay.
    pub backoff_cap: Duration,
    /// The share of the bound that chance leaves: 0 spreads a herd of failures widest, 1 is no chance at all.
    pub backoff_floor: f64,
    /// How often the table is looked at without a wake-up, while wake-ups are known to arrive. Jittered by ±20 %.
    pub scan_interval: Duration,
    /// Age at which finished rows are removed; zero keeps them for ever.
    pub retention: Duration,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            slots: 4,
            batch: 1,
            attempt_limit: Duration::from_secs(60),
            max_attempts: 8,
            backoff_base: Duration::from_secs(1),
            backoff_growth: 2,
            backoff_cap: Duration::from_secs(300),
            backoff_floor: 0.0,
            scan_interval: Duration::from_secs(5),
            retention: Duration::ZERO,
        }
    }
}

/// A row that is ours to work until we finish it, the lease is lost, or its deadline passes.
#[derive(Debug, Clone)]
pub struct Claim {
    /// The row's primary key.
    pub id: Uuid,
    /// The fencing token of this attempt.
    pub token: i64,
    /// The number of this attempt, from 1, growing over the row's whole life.
    pub attempt_no: i32,
    /// Counted failures so far, this attempt not among them.
    pub failures: i32,
    /// The row is suspected of killing workers and is worked with nothing beside it in this queue.
    pub alone: bool,
    /// The row's priority.
    pub priority: i16,
    /// When the row was due.
    pub due_at: DateTime<Utc>,
    /// When the row was made.
    pub created_at: DateTime<Utc>,
    /// The request that caused the row.
    pub request_id: Option<String>,
    /// The W3C trace context of that request.
    pub traceparent: Option<String>,
}

/// What came of working one row, in the queue's own words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// Over, in this terminal status: `sent`, `delivered`, `expanded`, `succeeded`, `expired`, `skipped`.
    Done(&'static str),
    /// To be tried again.
    Retry {
        /// What went wrong, for people; no address, code, token or key in it.
        error: String,
        /// The delay that the other side asked for; none: the queue's exponential backoff.
        after: Option<Duration>,
        /// Whether it burns the attempt budget. `false` for "the relay is down", which is not the row's fault.
        counts: bool,
    },
    /// Failed for good, at once.
    Dead {
        /// What went wrong, for people.
        error: String,
    },
    /// Not an error: due again at a time (a turn timer, the next chunk), or parked in a status that is never due.
    Again {
        /// The status to take: `pending`, or one that the engine never looks at, like `idle`.
        status: &'static str,
        /// When it is due next.
        at: DateTime<Utc>,
    },
    /// Not begun: back to due as it was, as if it had never been claimed.
    Release,
}

/// The longest error text that is kept of a row, in characters.
const ERROR_CHARS: usize = 2000;

impl Outcome {
    /// The same with an error that a text column takes, whatever another side has put into it: without NUL, bounded.
    pub(super) fn with_fit_error(mut self) -> Self {
        if let Self::Retry { error, .. } | Self::Dead { error } = &mut self {
            error.retain(|c| c != '\0');
            if let Some((cut, _)) = error.char_indices().nth(ERROR_CHARS) {
                error.truncate(cut);
            }
        }
        self
    }
}

/// An outcome with what [`Queue::record`] needs to know about it.
#[derive(Debug, Clone)]
pub struct Verdict<N> {
    /// What came of it.
    pub outcome: Outcome,
    /// The queue's own note: SMTP code, recipients decided, …
    pub note: N,
}

/// What a finish made of the row, after budget and backoff were applied.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Settled {
    /// Terminal, in this status.
    Done(&'static str),
    /// Due again after a failure.
    Retrying {
        /// What went wrong.
        error: String,
    },
    /// Failed for good: permanent, or the budget is spent.
    Dead {
        /// What went wrong last.
        error: String,
    },
    /// Due again, or parked, without a failure.
    Again,
    /// Given back unworked.
    Released,
}

/// A row that was still ours when its finish was written.
#[derive(Debug, Clone)]
pub struct Finished<N> {
    /// The row as it was claimed.
    pub claim: Claim,
    /// What was made of it.
    pub settled: Settled,
    /// The note of the verdict; `None` where the engine itself decided: panic, time limit, unreadable payload, release.
    pub note: Option<N>,
}

/// Why a row was taken from the worker that had it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cause {
    /// Its worker died, or lost touch with the database.
    Crashed,
    /// Its deadline passed under a living worker.
    Hung,
    /// Its worker dropped the attempt and says so itself: the lease was lost, or the process had to stop.
    Interrupted,
}

/// What became of a rescued row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// Due again at once.
    Due,
    /// The attempt budget is spent.
    Dead,
    /// It was alone with three workers that died.
    Quarantined,
}

/// A row taken from an attempt that will never report.
#[derive(Debug, Clone)]
pub struct Rescued {
    /// The row's primary key.
    pub id: Uuid,
    /// The number of the attempt that was lost.
    pub attempt_no: i32,
    /// What the attempt was lost by.
    pub cause: Cause,
    /// What became of it.
    pub fate: Fate,
    /// The text now in `last_error`.
    pub error: String,
}

/// A kind of durable work. The engine calls these; none of them begins or commits a transaction.
#[async_trait]
pub trait Queue: Send + Sync + 'static {
    /// What one row needs to be worked.
    type Work: Send + 'static;
    /// What a verdict tells [`Queue::record`] beyond its outcome.
    type Note: Send + Sync + 'static;

    /// The table and its words.
    fn spec(&self) -> &'static QueueSpec;

    /// The value of `{arg}` in [`QueueSpec::filter`], asked for at each claim: it may change, as with a hub that is away.
    fn filter_arg(&self) -> Option<String> {
        None
    }

    /// Reads what the rows need, in one query for the batch; the answer has the claims' order and length. `Err(text)` for
    /// a row whose payload cannot be read: that row dies visibly, the others go on.
    ///
    /// # Errors
    /// The database's. A batch that fails for another reason than an unreachable database is loaded again row by row.
    async fn load(&self, conn: &mut PgConnection, claims: &[Claim]) -> Result<Vec<Result<Self::Work, String>>, Error>;

    /// The effect. No transaction is open. One verdict for each row, in order. The call is dropped when the lease is
    /// lost, at [`Settings::attempt_limit`], or at the hard stop; a panic is caught and becomes a retry that counts.
    async fn work(&self, cx: &WorkContext, batch: Vec<(Claim, Self::Work)>) -> Vec<Verdict<Self::Note>>;

    /// Writes history, inside the finish transaction: only rows that were still ours. Released rows are not among them.
    ///
    /// # Errors
    /// The database's. A row whose record cannot be written is retried, counted, without calling this for it. When its budget is spent it
    /// dies, and that is recorded here, without a note: whoever has to hear of a death hears of this one.
    async fn record(&self, conn: &mut PgConnection, finished: &[Finished<Self::Note>]) -> Result<(), Error>;

    /// Writes history inside the transaction that takes rows from lost attempts: mail notes `unknown` where DATA had
    /// begun, and the dead letter of a row whose fate is dead or quarantined.
    ///
    /// # Errors
    /// The database's; the rescue is tried again later.
    async fn rescued(&self, conn: &mut PgConnection, rows: &[Rescued]) -> Result<(), Error>;

    /// After the finish committed: wake other topics. Must not block.
    fn after_commit(&self, finished: &[Finished<Self::Note>]) {
        let _ = finished;
    }

    /// After a rescue committed: wake other topics, as after a finish. Must not block.
    fn after_rescue(&self, rows: &[Rescued]) {
        let _ = rows;
    }

    /// A sample of the queue's depth was taken; for metrics under names of the queue's own.
    fn sampled(&self, snapshot: &Snapshot) {
        let _ = snapshot;
    }
}
