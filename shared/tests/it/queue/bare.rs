//! A queue whose rows need no work: what is left is the engine itself. For looks at its speed and at what it reads.

use std::{
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use shared::{
    db::Db,
    queue::{
        Claim, Finished, Outcome, Queue, QueueSpec, Rescued, Settings, Timing, Verdict, Waker, WorkContext, Worker,
        WorkerDeps,
        wake::{self, WakeTiming},
    },
    random::Random,
    service::{health::SchemaGate, lifecycle::Lifecycle},
};
use sqlx::PgConnection;
use testkit::{TestDb, eventually};

use super::kit::{SOON, SPEC, timing};

struct Bare(&'static QueueSpec);

#[async_trait]
impl Queue for Bare {
    type Work = ();
    type Note = ();

    fn spec(&self) -> &'static QueueSpec {
        self.0
    }

    async fn load(&self, _: &mut PgConnection, claims: &[Claim]) -> Result<Vec<Result<(), String>>, shared::db::Error> {
        Ok(claims.iter().map(|_| Ok(())).collect())
    }

    async fn work(&self, _: &WorkContext, batch: Vec<(Claim, ())>) -> Vec<Verdict<()>> {
        batch.iter().map(|_| Verdict { outcome: Outcome::Done("done"), note: () }).collect()
    }

    async fn record(&self, _: &mut PgConnection, _: &[Finished<()>]) -> Result<(), shared::db::Error> {
        Ok(())
    }

    async fn rescued(&self, _: &mut PgConnection, _: &[Rescued]) -> Result<(), shared::db::Error> {
        Ok(())
    }
}

const APPLICATION: &str = "bare queue";

/// A worker of the tests' table that does nothing but queueing.
pub struct BareProcess {
    pub waker: Waker,
    lifecycle: Lifecycle,
    pool: Db,
}

impl BareProcess {
    pub fn start(db: &TestDb, settings: Settings) -> Self {
        Self::start_with(db, settings, timing())
    }

    pub fn start_with(db: &TestDb, settings: Settings, timing: Timing) -> Self {
        super::counts::registry();
        let (random, lifecycle) = (Random::system(), Lifecycle::new(Duration::from_secs(10)));
        let options = db.options().application_name(APPLICATION);
        let (waker, listener) =
            wake::start_with(options.clone(), db.options(), &lifecycle, &random, WakeTiming::default());
        let pool = Db::new(options, 6);
        let worker = Worker::start_with(&pool, "bare", "bare", &lifecycle, &random, timing);
        let deps = WorkerDeps {
            db: pool.clone(),
            worker,
            waker: waker.clone(),
            listener,
            lifecycle: lifecycle.clone(),
            random,
            gate: SchemaGate::always_open(),
        };
        shared::queue::run(Arc::new(Bare(&SPEC)), settings, &deps);
        Self { waker, lifecycle, pool }
    }

    /// Stops, and waits until the server has seen the last of its connections: their statistics are in by then. Answers
    /// how often it had to ask for that.
    pub async fn stop(self, db: &TestDb) -> i64 {
        self.lifecycle.stop();
        self.lifecycle.run_to_end().await;
        self.pool.close().await;
        let (pool, asked) = (db.pool(), AtomicI64::new(0));
        eventually(SOON, "its connections are gone", || async {
            asked.fetch_add(1, Ordering::Relaxed);
            let left: i64 = sqlx::query_scalar(
                "SELECT count(*) FROM pg_stat_activity WHERE application_name = $1 AND datname = current_database()",
            )
            .bind(APPLICATION)
            .fetch_one(&pool)
            .await
            .unwrap();
            left == 0
        })
        .await;
        asked.into_inner()
    }
}
