//! Picking due rows, without reading again and again over the entries that earlier claims left behind in the index.

use crate::postgres::Error;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use sqlx::PgConnection;
use tokio::time::Instant;
use uuid::Uuid;

use super::sql::{Claimed, Statements};

/// How far below the lowest due time of the last batch the next claim begins: producers take their due time before they
/// commit. What commits later than this is found by the next sweep.
const MARGIN: TimeDelta = TimeDelta::milliseconds(250);

/// A full sweep follows no sooner than so many times its own duration: it costs a twentieth of the time at most.
const SWEEP_SHARE: u32 = 20;

/// And no later than this, however long it takes.
const SWEEP_AT_LATEST: Duration = Duration::from_secs(15);

/// With a backlog the watermark is trusted for this long at least.
const SWEEP_PAUSE: Duration = Duration::from_secs(1);

/// The watermarks of one queue: the sweep makes claiming complete, the watermark makes it fast.
pub(super) struct Claimer {
    /// For each priority the lowest due time of the last batch.
    marks: Vec<Option<DateTime<Utc>>>,
    swept_at: Option<Instant>,
    sweep_took: Duration,
    backlog: bool,
}

/// What one look may take.
#[derive(Clone, Copy)]
pub(super) struct Free {
    /// Slots that are free. Each takes a batch of one priority.
    pub(super) slots: usize,
    /// Rows of a batch.
    pub(super) batch: usize,
    /// How many of these slots are for priority 0 alone: whatever else there is a lot of, the next such row finds one.
    pub(super) kept: usize,
}

/// What one look at the table gave.
pub(super) struct Pass {
    /// By priority, then by due time.
    pub(super) rows: Vec<Claimed>,
    /// Every free slot is taken: there may be more.
    pub(super) full: bool,
    /// There may be more, but for none of the slots that are free.
    pub(super) held: bool,
    /// A later statement failed, and may have claimed rows that we know nothing of.
    pub(super) doubtful: bool,
    /// Only what lies above the watermark was looked at; when a sweep may follow.
    pub(super) sweep_in: Option<Duration>,
}

/// What the statements of one look gave.
struct Look {
    rows: Vec<Claimed>,
    /// Slots that are still free.
    left: usize,
    /// As in [`Pass`].
    held: bool,
    /// As in [`Pass`].
    doubtful: bool,
}

impl Claimer {
    pub(super) fn new(priorities: usize) -> Self {
        Self { marks: vec![None; priorities], swept_at: None, sweep_took: Duration::ZERO, backlog: false }
    }

    /// Claims up to `limit` rows.
    pub(super) async fn pass(
        &mut self,
        conn: &mut PgConnection,
        sql: &Statements,
        worker: Uuid,
        free: Free,
        deadline: Duration,
        force_sweep: bool,
    ) -> Result<Pass, Error> {
        let mut swept = force_sweep || self.sweep_is_due();
        let Look { mut rows, mut left, mut held, mut doubtful } =
            self.look(conn, sql, worker, free, deadline, swept).await?;
        if left > 0 && !held && !swept && !doubtful && self.sweep_allowed_in().is_zero() {
            swept = true;
            match self.look(conn, sql, worker, Free { slots: left, ..free }, deadline, true).await {
                Ok(more) => {
                    rows.extend(more.rows);
                    rows.sort_by_key(|row| row.claim.priority);
                    (left, held, doubtful) = (more.left, more.held, more.doubtful);
                }
                Err(error) if rows.is_empty() => return Err(error),
                // What was claimed is ours: it must not be lost for an error of the second statement.
                Err(_) => (swept, doubtful) = (false, true),
            }
        }
        let full = left == 0;
        self.backlog = full || held;
        Ok(Pass { full, held, doubtful, sweep_in: (!swept).then(|| self.sweep_allowed_in()), rows })
    }

    async fn look(
        &mut self,
        conn: &mut PgConnection,
        sql: &Statements,
        worker: Uuid,
        free: Free,
        deadline: Duration,
        sweep: bool,
    ) -> Result<Look, Error> {
        let began = Instant::now();
        let mut look = Look { rows: Vec::new(), left: free.slots, held: false, doubtful: false };
        let mut passed_over = false;
        for (priority, mark) in self.marks.iter_mut().enumerate() {
            let slots = if priority == 0 { look.left } else { look.left.saturating_sub(free.kept) };
            if slots == 0 {
                (look.held, passed_over) = (look.left > 0, look.left > 0);
                break;
            }
            let from = mark.filter(|_| !sweep).and_then(|mark| mark.checked_sub_signed(MARGIN));
            let limit = slots * free.batch;
            let found = match sql.claim(conn, priority, worker, from, limit, deadline).await {
                Ok(found) => found,
                Err(error) if look.rows.is_empty() => return Err(error),
                // As above: the rows of the higher priorities are ours already.
                Err(_) => {
                    look.doubtful = true;
                    break;
                }
            };
            if let Some(first) = found.first() {
                *mark = Some(first.claim.due_at);
            }
            look.left = look.left.saturating_sub(found.len().div_ceil(free.batch));
            look.held = found.len() >= limit && look.left > 0;
            look.rows.extend(found);
        }
        // Without a slot for it a priority was not swept: the sweep stays due.
        if sweep && !passed_over {
            (self.swept_at, self.sweep_took) = (Some(Instant::now()), began.elapsed());
        }
        Ok(look)
    }

    /// Without a backlog every look that is allowed to be a sweep is one: that is a single statement, and misses nothing.
    fn sweep_is_due(&self) -> bool {
        let Some(at) = self.swept_at else { return true };
        if !self.backlog {
            return self.sweep_allowed_in().is_zero();
        }
        at.elapsed() >= (self.sweep_took * SWEEP_SHARE).clamp(SWEEP_PAUSE, SWEEP_AT_LATEST)
    }

    fn sweep_allowed_in(&self) -> Duration {
        let rest = (self.sweep_took * SWEEP_SHARE).min(SWEEP_AT_LATEST);
        self.swept_at.map_or(Duration::ZERO, |at| rest.saturating_sub(at.elapsed()))
    }
}
