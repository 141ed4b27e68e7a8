//! Writing down what came of the work: in batches, by key and token, together with the queue's own record.

use std::{panic::AssertUnwindSafe, sync::Arc, time::Duration};

use futures::FutureExt as _;
use sqlx::{Connection as _, PgConnection, Row as _};
use tokio::{
    sync::mpsc::UnboundedReceiver,
    time::{Instant, sleep, timeout},
};
use tracing::Instrument as _;
use uuid::Uuid;

use super::{
    Queue,
    backoff::Reconnect,
    batch::{Matched, Prepared, Row},
    engine::{Engine, bounded},
    metrics::{self, Step},
    sql::Kind,
    trace,
    work::{Bundle, Report},
};
use crate::postgres::Error;
use crate::{postgres::statement, service::lifecycle::panic_message};

/// Rows of one finish, give or take the last call's.
const BATCH: usize = 512;

/// The first finish is written at once; those that follow within this time are gathered.
const WINDOW: Duration = Duration::from_millis(5);

/// Seconds until due below which a row that is due again may stand below the watermark; just above its margin.
const LONG_DUE: f64 = -0.2;

/// What is left after the hard stop for handing rows back.
const LAST_WORDS: Duration = Duration::from_millis(800);

impl<Q: Queue> Engine<Q> {
    /// Runs until every sender is gone and everything that was sent is written.
    pub(super) async fn finish_loop(self: Arc<Self>, mut bundles: UnboundedReceiver<Bundle<Q::Note>>) {
        let mut last: Option<Instant> = None;
        while let Some(first) = bundles.recv().await {
            if let Some(last) = last {
                sleep(WINDOW.saturating_sub(last.elapsed())).await;
            }
            let (mut reports, mut rooms) = (first.reports, vec![first._room]);
            while reports.len() < BATCH
                && let Ok(next) = bundles.try_recv()
            {
                reports.extend(next.reports);
                rooms.push(next._room);
            }
            last = Some(Instant::now());
            let settled: Vec<(Uuid, i64)> = reports.iter().map(|r| (r.claim.id, r.claim.token)).collect();
            let span = trace::around("queue.finish", self.name(), reports.iter().map(|report| &report.claim));
            self.settle(reports).instrument(span).await;
            self.flags.let_go(settled);
            drop(rooms);
            self.flags.freed.notify_one();
        }
    }

    async fn settle(&self, reports: Vec<Report<Q::Note>>) {
        let mut all = self.prepare(reports);
        match self.persist(&mut all, true).await {
            Ok(()) => {}
            Err(error) => {
                // One bad record must not take the others' with it.
                if all.rows.len() > 1 {
                    tracing::warn!(queue = self.name(), error, "a batch could not be recorded: trying row by row");
                }
                for mut one in all.split() {
                    let Err(error) = self.persist(&mut one, true).await else { continue };
                    tracing::error!(queue = self.name(), error, row_id = ?one.rows.first().map(|r| r.id),
                        "an outcome could not be recorded: it counts as a failure");
                    let error = format!("recording the outcome failed: {error}");
                    one.spoil(&error, true, self);
                    // A death is recorded, in words of our own: who has to hear of it hears.
                    if !one.finished.is_empty() {
                        match self.persist(&mut one, true).await {
                            Ok(()) => continue,
                            Err(again) => {
                                tracing::error!(
                                    queue = self.name(),
                                    error = again,
                                    "nor could its death: nobody is told"
                                );
                                one.spoil(&error, false, self);
                            }
                        }
                    }
                    if let Err(error) = self.persist(&mut one, false).await {
                        tracing::error!(
                            queue = self.name(),
                            error,
                            "nor could the failure: left to the row's deadline"
                        );
                    }
                }
            }
        }
    }

    /// Writes until it is written. While Postgres is away the rows stay ours by their tokens, whatever becomes of the
    /// lease: a finish that comes late either still matches, or is stale and changes nothing. So nothing that was done is
    /// forgotten for an outage; the slots stay taken meanwhile, and memory stays bounded.
    async fn persist(&self, batch: &mut Prepared<Q::Note>, record: bool) -> Result<(), String> {
        let hard = self.deps.lifecycle.hard();
        // Several tries fit into the lease's length that others leave us after an outage to hand in what we did.
        let cap = self.deps.worker.timing().lease / 5;
        let mut reconnect = Reconnect::new(self.deps.random.clone(), cap);
        let mut failing = false;
        loop {
            let written = tokio::select! {
                biased;
                written = self.try_write(batch, record) => written,
                () = async { hard.cancelled().await; sleep(LAST_WORDS).await } => {
                    tracing::warn!(queue = self.name(), rows = batch.rows.len(), "finishes are abandoned: out of time");
                    return Ok(());
                }
            };
            match written {
                Ok(matched) => {
                    if failing {
                        tracing::info!(queue = self.name(), "finishes are written again");
                    }
                    self.committed(batch, &matched);
                    return Ok(());
                }
                Err(Trouble::Away(error)) => {
                    if !std::mem::replace(&mut failing, true) {
                        tracing::warn!(%error, queue = self.name(), "finishes cannot be written yet");
                    }
                    tokio::select! { () = sleep(reconnect.pause()) => {}, () = hard.cancelled() => sleep(LAST_WORDS / 8).await }
                }
                Err(Trouble::Broken(error)) => return Err(error),
            }
        }
    }

    async fn try_write(&self, batch: &mut Prepared<Q::Note>, record: bool) -> Result<Matched, Trouble> {
        let mut conn = self.deps.db.acquire().await.map_err(trouble)?;
        let written = timeout(self.statement_limit(), self.write(&mut conn, batch, record)).await;
        match written {
            Ok(Err(Trouble::Broken(error))) => {
                // Perhaps it panicked in the middle of a statement.
                conn.close_on_drop();
                Err(Trouble::Broken(error))
            }
            Ok(written) => written,
            Err(elapsed) => match bounded::<()>(Err(elapsed), conn) {
                Ok(()) => Err(Trouble::Broken("no result".to_owned())),
                Err(error) => Err(Trouble::Away(error)),
            },
        }
    }

    async fn write(
        &self,
        conn: &mut PgConnection,
        batch: &mut Prepared<Q::Note>,
        record: bool,
    ) -> Result<Matched, Trouble> {
        let mut tx = statement::begin("BEGIN", conn.begin()).await.map_err(|error| trouble(error.into()))?;
        let matched = self.update(&mut tx, &batch.rows).await.map_err(trouble)?;
        let (finished, interrupted) = batch.ours(&matched);
        if record && !finished.is_empty() {
            let recording = AssertUnwindSafe(async { self.queue.record(&mut tx, finished).await }).catch_unwind();
            recording.await.map_err(|panic| panicked(panic.as_ref()))?.map_err(trouble)?;
        }
        if record && !interrupted.is_empty() {
            let recording = AssertUnwindSafe(async { self.queue.rescued(&mut tx, interrupted).await }).catch_unwind();
            recording.await.map_err(|panic| panicked(panic.as_ref()))?.map_err(trouble)?;
        }
        tx.commit().await.map_err(|error| trouble(error.into()))?;
        Ok(matched)
    }

    async fn update(&self, conn: &mut PgConnection, rows: &[Row]) -> Result<Matched, Error> {
        let each = rows.iter();
        let updated = self
            .sql
            .finish
            .query()
            .bind(each.clone().map(|r| r.id).collect::<Vec<_>>())
            .bind(each.clone().map(|r| r.token).collect::<Vec<_>>())
            .bind(each.clone().map(|r| r.kind as i16).collect::<Vec<_>>())
            .bind(each.clone().map(|r| r.status).collect::<Vec<_>>())
            .bind(each.clone().map(|r| r.delay).collect::<Vec<_>>())
            .bind(each.clone().map(|r| r.at).collect::<Vec<_>>())
            .bind(each.clone().map(|r| r.failed).collect::<Vec<_>>())
            .bind(each.clone().map(|r| r.error.as_deref()).collect::<Vec<_>>())
            .bind(each.map(|r| r.suspect).collect::<Vec<_>>())
            .fetch_all(conn)
            .await?;
        updated.iter().map(|row| Ok((row.try_get("id")?, row.try_get("due_in")?))).collect()
    }

    /// Numbers, log lines and wake-ups, once it is certain.
    fn committed(&self, batch: &mut Prepared<Q::Note>, matched: &Matched) {
        let (name, meters) = (self.name(), metrics::engine());
        if matched.len() < batch.rows.len() {
            meters.stale(name, batch.rows.len() - matched.len());
        }
        for row in batch.rows.iter().filter(|r| matched.contains_key(&r.id)) {
            meters.finished(name, row.kind.label(), row.claimed_at.elapsed());
            if let Some(worked) = row.worked {
                meters.step(name, Step::Wait, worked.began.duration_since(row.claimed_at));
                meters.step(name, Step::Work, worked.ended.duration_since(worked.began));
                meters.step(name, Step::Finish, worked.ended.elapsed());
            }
            match row.kind {
                Kind::Dead => {
                    meters.dead(name, self.spec().dead);
                    tracing::error!(queue = name, row_id = %row.id, error = row.error, "dead letter");
                }
                Kind::Retry => tracing::warn!(queue = name, row_id = %row.id, error = row.error,
                    delay_seconds = row.delay, counted = row.failed > 0, "to be tried again"),
                Kind::Interrupt => meters.rescued(name, "interrupted"),
                Kind::Done | Kind::Again | Kind::Release => {}
            }
        }
        let due_in = |r: &Row| matched.get(&r.id).copied().flatten();
        if batch.rows.iter().any(|r| due_in(r).is_some_and(|seconds| seconds < LONG_DUE)) {
            // A row that kept its due time, or asked for one in the past, may stand below the watermark.
            self.flags.demand_sweep();
        }
        let given_back =
            batch.rows.iter().any(|r| matches!(r.kind, Kind::Release | Kind::Interrupt) && matched.contains_key(&r.id));
        if given_back {
            self.deps.waker.wake(self.spec().topic);
            self.flags.poke.notify_one();
        }
        let soonest = matched.values().flatten().copied().reduce(f64::min);
        if let Some(seconds) = soonest {
            self.flags.hint(Duration::try_from_secs_f64(seconds).unwrap_or_default());
        }
        let (finished, _) = batch.ours(matched);
        if !finished.is_empty() {
            // A hint to others must not cost us the loop that writes everybody's finishes.
            if std::panic::catch_unwind(AssertUnwindSafe(|| self.queue.after_commit(finished))).is_err() {
                tracing::error!(queue = name, "what follows a commit panicked");
            }
        }
    }

    fn prepare(&self, reports: Vec<Report<Q::Note>>) -> Prepared<Q::Note> {
        let mut batch =
            Prepared { rows: Vec::new(), finished: Vec::new(), released: Vec::new(), interrupted: Vec::new() };
        for report in reports {
            batch.add(report, self);
        }
        // In one order everywhere, so that two finishes cannot wait for each other.
        batch.rows.sort_by_key(|r| r.id);
        batch
    }
}

enum Trouble {
    Away(Error),
    Broken(String),
}

fn trouble(error: Error) -> Trouble {
    if error.is_passing() { Trouble::Away(error) } else { Trouble::Broken(error.to_string()) }
}

fn panicked(panic: &(dyn std::any::Any + Send)) -> Trouble {
    Trouble::Broken(format!("it panicked: {}", panic_message(panic)))
}
