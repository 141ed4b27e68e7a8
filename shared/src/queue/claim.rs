//! Picking due rows, without reading again and again over the entries that earlier claims left behind in the index.

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

/// What one look at the table gave.
pub(super) struct Pass {
    pub(super) rows: Vec<Claimed>,
    /// As many as asked for: there may be more.
    pub(super) full: bool,
    /// A later statement failed, and may have claimed rows that we know nothing of.
    pub(super) doubtful: bool,
    /// Only what lies above the watermark was looked at; when a sweep may follow.
    pub(super) sweep_in: Option<Duration>,
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
        limit: usize,
        deadline: Duration,
        force_sweep: bool,
    ) -> Result<Pass, sqlx::Error> {
        let mut swept = force_sweep || self.sweep_is_due();
        let (mut rows, mut doubtful) = self.look(conn, sql, worker, limit, deadline, swept).await?;
        if rows.len() < limit && !swept && !doubtful && self.sweep_allowed_in().is_zero() {
            swept = true;
            let more = self.look(conn, sql, worker, limit - rows.len(), deadline, true).await;
            match more {
                Ok((more, unsure)) => {
                    rows.extend(more);
                    doubtful = unsure;
                }
                Err(error) if rows.is_empty() => return Err(error),
                // What was claimed is ours: it must not be lost for an error of the second statement.
                Err(_) => (swept, doubtful) = (false, true),
            }
        }
        self.backlog = rows.len() >= limit;
        Ok(Pass { full: self.backlog, doubtful, sweep_in: (!swept).then(|| self.sweep_allowed_in()), rows })
    }

    async fn look(
        &mut self,
        conn: &mut PgConnection,
        sql: &Statements,
        worker: Uuid,
        limit: usize,
        deadline: Duration,
        sweep: bool,
    ) -> Result<(Vec<Claimed>, bool), sqlx::Error> {
        let began = Instant::now();
        let (mut rows, mut doubtful): (Vec<Claimed>, bool) = (Vec::new(), false);
        for (priority, mark) in self.marks.iter_mut().enumerate() {
            let free = limit - rows.len();
            if free == 0 {
                break;
            }
            let from = mark.filter(|_| !sweep).and_then(|mark| mark.checked_sub_signed(MARGIN));
            let found = match sql.claim(conn, priority, worker, from, free, deadline).await {
                Ok(found) => found,
                Err(error) if rows.is_empty() => return Err(error),
                // As above: the rows of the higher priorities are ours already.
                Err(_) => {
                    doubtful = true;
                    break;
                }
            };
            if let Some(first) = found.first() {
                *mark = Some(first.claim.due_at);
            }
            rows.extend(found);
        }
        if sweep {
            (self.swept_at, self.sweep_took) = (Some(Instant::now()), began.elapsed());
        }
        Ok((rows, doubtful))
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
