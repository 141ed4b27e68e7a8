//! Taking rows from attempts that will never report; and the look after the queue's health that goes with it.

use std::{panic::AssertUnwindSafe, sync::Arc, time::Duration};

use futures::FutureExt as _;
use sqlx::{Connection as _, PgConnection, Row as _};
use tokio::time::{Instant, sleep, timeout};
use uuid::Uuid;

use super::{
    Cause, Fate, Queue, Rescued,
    backoff::jittered,
    engine::{Engine, bounded},
    metrics,
    sql::RESCUE_LIMIT,
    worker::Lease,
};
use crate::domain::queue::QueueState;
use crate::postgres::Error;
use crate::postgres::statement;

/// How often depth and age are sampled for metrics.
const SAMPLE: Duration = Duration::from_secs(15);

impl<Q: Queue> Engine<Q> {
    /// Runs until the soft stop: then the others see to it.
    pub(super) async fn watch_loop(self: Arc<Self>) {
        let soft = self.deps.lifecycle.soft();
        let mut sample_at = Instant::now();
        loop {
            let pause = jittered(&self.deps.random, self.deps.worker.timing().rescue);
            if let Some(lease) = self.deps.worker.lease().filter(|_| self.deps.gate.is_open())
                && let Err(error) = self.look_after(&lease).await
            {
                tracing::debug!(%error, queue = self.name(), "could not look for lost rows");
            }
            // Behind a closed gate too, say while the relay is down: that is when the backlog grows.
            if Instant::now() >= sample_at {
                sample_at = Instant::now() + jittered(&self.deps.random, SAMPLE);
                if let Err(error) = self.sample().await {
                    tracing::debug!(%error, queue = self.name(), "could not sample the queue");
                }
            }
            tokio::select! { () = sleep(pause) => {}, () = soft.cancelled() => return }
        }
    }

    async fn look_after(&self, lease: &Lease) -> Result<(), Error> {
        let judge = lease.may_judge_others().then(|| lease.id.uuid());
        let mut conn = self.deps.db.acquire().await?;
        let probing = async {
            let row = self.sql.probe.query().bind(judge).bind(self.sql.arg()).fetch_one(&mut *conn).await?;
            Ok((row.try_get::<bool, _>("lost")?, row.try_get::<bool, _>("suspects")?))
        };
        let probed = timeout(self.statement_limit(), probing).await;
        let (lost, suspects) = bounded(probed, conn)?;
        if suspects {
            self.flags.set_suspects(true);
            self.flags.poke.notify_one();
        }
        if lost { self.rescue(judge).await } else { Ok(()) }
    }

    /// Takes all lost rows, some at a time. Where the queue's own record of it fails the rows are taken one by one, and
    /// in the end without the record: a row must not stay lost for ever because its history cannot be written.
    async fn rescue(&self, judge: Option<Uuid>) -> Result<(), Error> {
        let (mut limit, mut record) = (RESCUE_LIMIT, true);
        loop {
            let mut conn = self.deps.db.acquire().await?;
            let rescuing = timeout(self.statement_limit(), self.rescue_some(&mut conn, judge, limit, record)).await;
            match bounded(rescuing, conn) {
                Ok(rows) => {
                    self.report(&rows);
                    if i64::try_from(rows.len()).unwrap_or(0) < limit {
                        return Ok(());
                    }
                    record = true;
                }
                Err(error) if error.is_passing() || !record => return Err(error),
                Err(error) => {
                    tracing::error!(%error, queue = self.name(), limit, "lost rows could not be recorded as such");
                    record = limit > 1;
                    limit = 1;
                }
            }
        }
    }

    async fn rescue_some(
        &self,
        conn: &mut PgConnection,
        judge: Option<Uuid>,
        limit: i64,
        record: bool,
    ) -> Result<Vec<Rescued>, Error> {
        let mut tx = statement::begin("BEGIN", conn.begin()).await?;
        let budget = i32::try_from(self.settings.max_attempts).unwrap_or(i32::MAX);
        let rows = self.sql.rescue.query().bind(judge).bind(budget).bind(limit).fetch_all(&mut *tx).await?;
        let rows = rows
            .iter()
            .map(|row| {
                let status: String = row.try_get("status")?;
                Ok(Rescued {
                    id: row.try_get("id")?,
                    attempt_no: row.try_get("attempt_no")?,
                    cause: if row.try_get("crashed")? { Cause::Crashed } else { Cause::Hung },
                    fate: match status.parse::<QueueState>() {
                        Ok(QueueState::Retrying) => Fate::Due,
                        Ok(QueueState::Quarantined) => Fate::Quarantined,
                        // The queue's own word.
                        Ok(QueueState::Pending) | Err(_) => Fate::Dead,
                    },
                    error: row.try_get("last_error")?,
                })
            })
            .collect::<Result<Vec<_>, Error>>()?;
        if record && !rows.is_empty() {
            let recording = AssertUnwindSafe(async { self.queue.rescued(&mut tx, &rows).await }).catch_unwind();
            recording.await.unwrap_or_else(|_| Err(Error::Inconsistent("recording panicked".to_owned())))?;
        }
        tx.commit().await?;
        Ok(rows)
    }

    fn report(&self, rows: &[Rescued]) {
        let (name, meters) = (self.name(), metrics::engine());
        for row in rows {
            let cause = if row.cause == Cause::Crashed { "crashed" } else { "hung" };
            meters.rescued(name, cause);
            match row.fate {
                Fate::Due => {
                    tracing::warn!(queue = name, row_id = %row.id, attempt_no = row.attempt_no, cause, "row rescued");
                }
                Fate::Dead | Fate::Quarantined => {
                    let quarantined = QueueState::Quarantined.as_str();
                    let state = if row.fate == Fate::Dead { self.spec().dead } else { quarantined };
                    meters.dead(name, state);
                    tracing::error!(queue = name, row_id = %row.id, state, error = row.error, "dead letter");
                }
            }
        }
        if !rows.is_empty() {
            self.flags.set_suspects(true);
            self.flags.demand_sweep();
            self.flags.poke.notify_one();
            self.deps.waker.wake(self.spec().topic);
            self.queue.after_rescue(rows);
        }
    }

    async fn sample(&self) -> Result<(), Error> {
        let mut conn = self.deps.db.acquire().await?;
        let sampled = timeout(self.statement_limit(), metrics::sample(&mut conn, &self.sql)).await;
        let snapshot = bounded(sampled, conn)?;
        metrics::engine().sampled(self.spec(), &snapshot);
        self.queue.sampled(&snapshot);
        // Less than a sample's pause, which varies: the next queue to sample is not to miss the round by a moment.
        if !metrics::engine().held_round.is_due(SAMPLE / 2) {
            return Ok(());
        }
        // Last: where somebody may not ask this, the queue is sampled all the same.
        let mut conn = self.deps.db.acquire().await?;
        let held = timeout(self.statement_limit(), metrics::held(&mut conn)).await;
        metrics::engine().held(bounded(held, conn)?);
        Ok(())
    }
}
