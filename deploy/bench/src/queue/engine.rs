//! The real engine of `shared/src/queue` over the bench's table. Its work is nothing.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use async_trait::async_trait;
use parking_lot::Mutex;
use shared::db::Error;
use shared::queue::wake::{self, NotifyHealth, WakeTiming};
use shared::queue::{Claim, Finished, Listener, Outcome, Queue, QueueSpec, Rescued, Settings, Verdict, WorkContext};
use shared::random::Random;
use shared::service::lifecycle::Lifecycle;
use sqlx::PgConnection;
use sqlx::types::Uuid;
use testkit::TestDb;

use super::Load;
use super::table::{self, SPEC};
use crate::worker;

/// Longer than anything here takes.
const PATIENCE: Duration = Duration::from_secs(600);
/// The least pause before a row of [`pick_ups`], in milliseconds, and what is added to it, row by row.
const PAUSE: [usize; 2] = [20, 40];

/// The queue.
#[derive(Default)]
struct Nothing {
    /// Whether the beginnings are noted.
    watched: bool,
    /// When the work of a row began.
    begun: Mutex<HashMap<Uuid, Instant>>,
    /// Rows whose finish is committed.
    finished: AtomicUsize,
}

#[async_trait]
impl Queue for Nothing {
    type Work = ();
    type Note = ();

    fn spec(&self) -> &'static QueueSpec {
        &SPEC
    }

    async fn load(&self, _conn: &mut PgConnection, claims: &[Claim]) -> Result<Vec<Result<(), String>>, Error> {
        Ok(claims.iter().map(|_| Ok(())).collect())
    }

    async fn work(&self, _cx: &WorkContext, batch: Vec<(Claim, ())>) -> Vec<Verdict<()>> {
        if self.watched {
            let now = Instant::now();
            self.begun.lock().extend(batch.iter().map(|(claim, ())| (claim.id, now)));
        }
        batch.iter().map(|_| Verdict { outcome: Outcome::Done("done"), note: () }).collect()
    }

    async fn record(&self, _conn: &mut PgConnection, _finished: &[Finished<()>]) -> Result<(), Error> {
        Ok(())
    }

    async fn rescued(&self, _conn: &mut PgConnection, _rows: &[Rescued]) -> Result<(), Error> {
        Ok(())
    }

    fn after_commit(&self, finished: &[Finished<()>]) {
        self.finished.fetch_add(finished.len(), Ordering::Relaxed);
    }
}

/// The engine at work.
struct Running {
    queue: Arc<Nothing>,
    listener: Listener,
    lifecycle: Lifecycle,
}

impl Running {
    fn start(db: &TestDb, load: &Load, watched: bool) -> Self {
        let lifecycle = Lifecycle::new(Duration::from_secs(10));
        let deps = worker::deps(db, "bench", 8, &lifecycle);
        let queue = Arc::new(Nothing { watched, ..Nothing::default() });
        let settings = Settings { slots: load.slots, batch: load.batch, ..Settings::default() };
        shared::queue::run(Arc::clone(&queue), settings, &deps);
        Self { queue, listener: deps.listener, lifecycle }
    }

    /// Waits until so many rows are finished.
    async fn finished(&self, rows: usize) -> Result<()> {
        let began = Instant::now();
        let finished = || self.queue.finished.load(Ordering::Relaxed);
        while finished() < rows {
            ensure!(began.elapsed() < PATIENCE, "{} of {rows} rows were finished", finished());
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        Ok(())
    }

    async fn stop(self) {
        self.lifecycle.stop();
        self.lifecycle.run_to_end().await;
    }
}

/// Rows a second, of so many rounds one after the other, each of as many rows as the load has. The first begins with the
/// engine's start. They must be in the table.
///
/// # Errors
/// When the rows are not finished, or one is worked twice.
pub async fn rates(db: &TestDb, load: &Load, rounds: usize) -> Result<Vec<f64>> {
    let mut began = Instant::now();
    let running = Running::start(db, load, false);
    let mut rates = Vec::new();
    for round in 1..=rounds {
        running.finished(round * load.rows).await?;
        let now = Instant::now();
        rates.push(load.rows as f64 / now.duration_since(began).as_secs_f64());
        began = now;
    }
    running.stop().await;
    table::worked_once(db).await?;
    Ok(rates)
}

/// Milliseconds from the commit of a row to the beginning of its work, in their order. The engine is idle before each, and
/// hears of it as it does of another process's: through Postgres.
///
/// # Errors
/// When a row is not picked up.
pub async fn pick_ups(db: &TestDb, load: &Load, samples: usize) -> Result<Vec<f64>> {
    let running = Running::start(db, load, true);
    let (producer, random) = (Lifecycle::new(Duration::from_secs(10)), Random::system());
    let (waker, _listener) = wake::start_with(db.options(), db.options(), &producer, &random, WakeTiming::default());
    let began = Instant::now();
    while running.listener.state() != NotifyHealth::Healthy {
        ensure!(began.elapsed() < PATIENCE, "notifications do not arrive");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let mut took = Vec::new();
    for sample in 0..samples {
        let [least, more] = PAUSE;
        tokio::time::sleep(Duration::from_millis(u64::try_from(least + sample * 7 % more)?)).await;
        let new = "INSERT INTO bench_jobs DEFAULT VALUES RETURNING job_id";
        let id: Uuid = sqlx::query_scalar(new).fetch_one(&db.pool()).await?;
        let committed = Instant::now();
        waker.wake(SPEC.topic);
        let begun = loop {
            let begun = running.queue.begun.lock().get(&id).copied();
            if let Some(begun) = begun {
                break begun;
            }
            ensure!(committed.elapsed() < PATIENCE, "a row is not picked up");
            tokio::time::sleep(Duration::from_millis(1)).await;
        };
        took.push(begun.saturating_duration_since(committed).as_secs_f64() * 1000.0);
    }
    running.finished(samples).await?;
    running.stop().await;
    producer.stop();
    producer.run_to_end().await;
    took.sort_by(f64::total_cmp);
    Ok(took)
}
