//! A queue of the tests' own, whose rows say in their payload what is to become of them.

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use chrono::DateTime;
use parking_lot::Mutex;
use shared::{
    db::Db,
    ids::JobId,
    queue::{
        Claim, Finished, Listener, Outcome, Queue, QueueSpec, Rescued, Settings, Settled, Timing, Topic, Verdict,
        Waker, WorkContext, Worker, WorkerDeps,
        wake::{self, WakeTiming},
    },
    random::Random,
    service::{
        health::SchemaGate,
        lifecycle::{Lifecycle, Outcome as Ended},
    },
};
use sqlx::{PgConnection, PgPool, postgres::PgConnectOptions};
use testkit::{PostgresServer, TestDb, eventually};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

/// Long enough for a busy machine; nothing waits for it when all is well.
pub const SOON: Duration = Duration::from_secs(90);

pub const SPEC: QueueSpec = QueueSpec {
    name: "probe",
    table: "probe_jobs",
    key: "job_id",
    active: "working",
    dead: "dead_lettered",
    priorities: 2,
    filter: "",
    removable: "",
    topic: Topic::Mail,
};

/// The same columns and indexes as every queue table (migrations/sql/0004_mail.up.sql), and what the tests want to see.
const TABLES: &str = "
    CREATE TABLE probe_jobs (
        job_id uuid PRIMARY KEY, payload text NOT NULL, lane text, seq bigint,
        status text NOT NULL DEFAULT 'pending' CHECK (status IN
            ('pending', 'working', 'retrying', 'done', 'idle', 'dead_lettered', 'quarantined')),
        priority smallint NOT NULL DEFAULT 0, next_attempt_at timestamptz NOT NULL DEFAULT clock_timestamp(),
        token bigint NOT NULL DEFAULT 0, attempt_no integer NOT NULL DEFAULT 0, failures integer NOT NULL DEFAULT 0,
        crashes integer NOT NULL DEFAULT 0, suspect boolean NOT NULL DEFAULT false, worker_id uuid,
        deadline_at timestamptz, last_error text, request_id text, traceparent text,
        created_at timestamptz NOT NULL DEFAULT clock_timestamp(), finished_at timestamptz
    ) WITH (fillfactor = 70);
    CREATE INDEX probe_jobs_due_idx ON probe_jobs (priority, next_attempt_at, job_id)
        WHERE status IN ('pending', 'retrying') AND NOT suspect;
    CREATE INDEX probe_jobs_suspect_idx ON probe_jobs (next_attempt_at, job_id) WHERE status IN ('pending', 'retrying') AND suspect;
    CREATE INDEX probe_jobs_active_idx ON probe_jobs (worker_id) WHERE status = 'working';
    CREATE INDEX probe_jobs_finished_idx ON probe_jobs (finished_at) WHERE finished_at IS NOT NULL;
    CREATE TABLE probe_effects (job_id uuid NOT NULL, attempt_no integer NOT NULL, worker text NOT NULL, alone boolean NOT NULL,
        at timestamptz NOT NULL DEFAULT clock_timestamp());
    CREATE TABLE probe_history (job_id uuid NOT NULL, what text NOT NULL, detail text);
    INSERT INTO queues (name) VALUES ('probe')";

/// A migrated database with the tests' queue in it.
pub async fn database() -> TestDb {
    with_queue(TestDb::new().await).await
}

/// The same on a server of the test's own.
pub async fn database_on(server: &PostgresServer) -> TestDb {
    with_queue(TestDb::on(server).await).await
}

async fn with_queue(db: TestDb) -> TestDb {
    sqlx::raw_sql(TABLES).execute(&db.pool()).await.unwrap();
    db
}

/// Intervals short enough for tests, in the product's proportions.
pub fn timing() -> Timing {
    Timing {
        beat: Duration::from_millis(200),
        lease: Duration::from_millis(1500),
        margin: Duration::from_millis(400),
        rescue: Duration::from_millis(100),
        hang_slack: Duration::from_millis(500),
    }
}

pub fn settings() -> Settings {
    Settings {
        slots: 4,
        batch: 1,
        attempt_limit: Duration::from_secs(20),
        max_attempts: 3,
        backoff_base: Duration::from_millis(20),
        backoff_growth: 2,
        backoff_floor: 0.0,
        backoff_cap: Duration::from_millis(100),
        scan_interval: Duration::from_millis(250),
        retention: Duration::ZERO,
    }
}

/// A worker process, as far as that is possible inside one: lifecycle, lease, wake-ups and the queue are its own.
pub struct Process {
    pub lifecycle: Lifecycle,
    pub worker: Worker,
    pub waker: Waker,
    pub listener: Listener,
    pub queue: Arc<Probe>,
}

/// How a test's process differs from the usual.
pub struct Options {
    pub name: &'static str,
    pub spec: &'static QueueSpec,
    pub settings: Settings,
    pub timing: Timing,
    /// Where the engine connects to; the effects are written past it, straight to the database.
    pub via: Option<PgConnectOptions>,
    /// Where the listener connects to.
    pub listen_via: Option<PgConnectOptions>,
    /// So many loads at first find the database away.
    pub loads_fail: u32,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            name: "a",
            spec: &SPEC,
            settings: settings(),
            timing: timing(),
            via: None,
            listen_via: None,
            loads_fail: 0,
        }
    }
}

impl Process {
    pub fn start(db: &TestDb, options: Options) -> Self {
        Self::on(db.options(), options)
    }

    pub fn on(direct: PgConnectOptions, options: Options) -> Self {
        super::counts::registry();
        let random = Random::system();
        let lifecycle = Lifecycle::new(Duration::from_secs(10));
        let via = options.via.unwrap_or_else(|| direct.clone());
        let pool = Db::new(via.clone(), 6);
        let (waker, listener) = wake::start_with(
            via,
            options.listen_via.unwrap_or_else(|| direct.clone()),
            &lifecycle,
            &random,
            WakeTiming { probe_healthy: Duration::from_millis(300), ..WakeTiming::default() },
        );
        let worker = Worker::start_with(&pool, "probe", options.name, &lifecycle, &random, options.timing);
        let queue = Arc::new(Probe {
            name: options.name,
            spec: options.spec,
            effects: sqlx::postgres::PgPoolOptions::new().max_connections(4).connect_lazy_with(direct),
            called_back: Mutex::default(),
            loads_fail: AtomicU32::new(options.loads_fail),
            places: Arc::default(),
            open: CancellationToken::new(),
        });
        let deps = WorkerDeps {
            db: pool,
            worker: worker.clone(),
            waker: waker.clone(),
            listener: listener.clone(),
            lifecycle: lifecycle.clone(),
            random,
            gate: SchemaGate::always_open(),
        };
        shared::queue::run(Arc::clone(&queue), options.settings, &deps);
        Self { lifecycle, worker, waker, listener, queue }
    }

    /// As SIGTERM would.
    pub async fn stop(self) -> Ended {
        self.lifecycle.stop();
        self.lifecycle.run_to_end().await
    }
}

/// What to do is the payload: `ok`, `slow <ms>`, `beat <ms>`, `panic`, `abort`, `retry`, `later`, `dead`, `unreadable`,
/// `hang`, `again`, `refused` (its record fails), `condemned` (the same, for a permanent failure), `release`, `leave`
/// (gives up its slot and waits until the queue is opened).
pub struct Probe {
    name: &'static str,
    spec: &'static QueueSpec,
    effects: PgPool,
    pub called_back: Mutex<Vec<Uuid>>,
    /// So many loads more find the database away.
    pub loads_fail: AtomicU32,
    /// One more is held for each place that was taken in exchange for a slot.
    pub places: Arc<()>,
    /// Lets those go on that left their slots.
    pub open: CancellationToken,
}

#[async_trait]
impl Queue for Probe {
    type Work = String;
    type Note = &'static str;

    fn spec(&self) -> &'static QueueSpec {
        self.spec
    }

    async fn load(
        &self,
        conn: &mut PgConnection,
        claims: &[Claim],
    ) -> Result<Vec<Result<String, String>>, shared::db::Error> {
        let fails = self.loads_fail.fetch_update(Ordering::AcqRel, Ordering::Acquire, |left| left.checked_sub(1));
        if fails.is_ok() {
            return Err(shared::db::Error::NoneFree);
        }
        let ids: Vec<Uuid> = claims.iter().map(|c| c.id).collect();
        let rows: Vec<(Uuid, String)> =
            sqlx::query_as("SELECT job_id, payload FROM probe_jobs WHERE job_id = ANY ($1)")
                .bind(&ids)
                .fetch_all(conn)
                .await?;
        let payloads: BTreeMap<Uuid, String> = rows.into_iter().collect();
        let read = |claim: &Claim| match payloads[&claim.id].as_str() {
            "unreadable" => Err("not a payload".to_owned()),
            "unreadable panic" => panic!("cannot read this"),
            payload => Ok(payload.to_owned()),
        };
        Ok(claims.iter().map(read).collect())
    }

    async fn work(&self, cx: &WorkContext, batch: Vec<(Claim, String)>) -> Vec<Verdict<&'static str>> {
        let mut verdicts = Vec::new();
        for (claim, payload) in batch {
            if !cx.lease_valid() {
                verdicts.push(Verdict { outcome: Outcome::Release, note: "lease" });
                continue;
            }
            self.effect(&claim).await;
            let (word, number) = payload.split_once(' ').unwrap_or((&payload, "0"));
            let number: u64 = number.parse().unwrap();
            let mut left = None;
            let retry = |after| Outcome::Retry { error: format!("{word} it is"), after, counts: true };
            let outcome = match word {
                "ok" | "refused" => Outcome::Done("done"),
                "slow" => {
                    tokio::time::sleep(Duration::from_millis(number)).await;
                    Outcome::Done("done")
                }
                // Effects all the while.
                "beat" => {
                    let end = tokio::time::Instant::now() + Duration::from_millis(number);
                    while tokio::time::Instant::now() < end {
                        tokio::time::sleep(Duration::from_millis(10)).await;
                        self.effect(&claim).await;
                    }
                    Outcome::Done("done")
                }
                "panic" => panic!("this payload panics"),
                "abort" => std::process::abort(),
                "retry" => retry(None),
                "once" if claim.failures == 0 => retry(None),
                "once" => Outcome::Done("done"),
                "uncounted" if claim.attempt_no < 6 => {
                    Outcome::Retry { error: "relay down".to_owned(), after: None, counts: false }
                }
                "uncounted" => Outcome::Done("done"),
                "later" => retry(Some(Duration::from_secs(3600))),
                "dead" | "condemned" => Outcome::Dead { error: "permanent".to_owned() },
                "leave" => {
                    left = Some(cx.leave_slot(&claim, Arc::clone(&self.places)).await);
                    self.open.cancelled().await;
                    Outcome::Done("done")
                }
                "hang" => std::future::pending().await,
                "again" if claim.attempt_no < 3 => {
                    Outcome::Again { status: "pending", at: claim.due_at + Duration::from_millis(50) }
                }
                "again" => Outcome::Again { status: "idle", at: DateTime::UNIX_EPOCH },
                "release" if claim.failures == 0 && self.released(&claim).await => Outcome::Release,
                "release" => Outcome::Done("done"),
                other => panic!("{other}?"),
            };
            let note = match (word, left) {
                ("refused" | "condemned", _) => "refused",
                (_, Some(true)) => "left",
                (_, Some(false)) => "stayed",
                _ => "worked",
            };
            verdicts.push(Verdict { outcome, note });
        }
        verdicts
    }

    async fn record(
        &self,
        conn: &mut PgConnection,
        finished: &[Finished<&'static str>],
    ) -> Result<(), shared::db::Error> {
        for done in finished {
            let (what, detail) = match &done.settled {
                Settled::Done(status) => (*status, done.note.map(str::to_owned)),
                Settled::Retrying { error } => ("retrying", Some(error.clone())),
                Settled::Dead { error } => ("dead", Some(error.clone())),
                Settled::Again => ("again", None),
                Settled::Released => ("released", None),
            };
            // The column is NOT NULL: such a record fails, and with it the whole batch at first.
            let what = (done.note != Some("refused")).then_some(what);
            sqlx::query("INSERT INTO probe_history VALUES ($1, $2, $3)")
                .bind(done.claim.id)
                .bind(what)
                .bind(detail)
                .execute(&mut *conn)
                .await?;
        }
        Ok(())
    }

    async fn rescued(&self, conn: &mut PgConnection, rows: &[Rescued]) -> Result<(), shared::db::Error> {
        for row in rows {
            sqlx::query("INSERT INTO probe_history VALUES ($1, 'rescued', $2)")
                .bind(row.id)
                .bind(format!("{:?} {:?}", row.cause, row.fate))
                .execute(&mut *conn)
                .await?;
        }
        Ok(())
    }

    fn after_commit(&self, finished: &[Finished<&'static str>]) {
        self.called_back.lock().extend(finished.iter().map(|f| f.claim.id));
    }
}

impl Probe {
    /// The effect on the world: it happens whether or not the engine can still write.
    async fn effect(&self, claim: &Claim) {
        sqlx::query("INSERT INTO probe_effects VALUES ($1, $2, $3, $4)")
            .bind(claim.id)
            .bind(claim.attempt_no)
            .bind(self.name)
            .bind(claim.alone)
            .execute(&self.effects)
            .await
            .unwrap();
    }

    /// Whether this is the first time that the row is seen.
    async fn released(&self, claim: &Claim) -> bool {
        let seen: i64 = sqlx::query_scalar("SELECT count(*) FROM probe_effects WHERE job_id = $1")
            .bind(claim.id)
            .fetch_one(&self.effects)
            .await
            .unwrap();
        seen == 1
    }
}

pub async fn add(pool: &PgPool, payload: &str) -> Uuid {
    add_many(pool, payload, 1).await[0]
}

pub async fn add_many(pool: &PgPool, payload: &str, rows: usize) -> Vec<Uuid> {
    let ids: Vec<Uuid> = (0..rows).map(|_| JobId::new().uuid()).collect();
    sqlx::query("INSERT INTO probe_jobs (job_id, payload) SELECT id, $2 FROM unnest($1::uuid[]) AS id")
        .bind(&ids)
        .bind(payload)
        .execute(pool)
        .await
        .unwrap();
    ids
}

/// A row as the tests look at it.
#[derive(Debug, Clone, PartialEq, sqlx::FromRow)]
pub struct Job {
    pub status: String,
    pub token: i64,
    pub attempt_no: i32,
    pub failures: i32,
    pub crashes: i32,
    pub suspect: bool,
    pub worker_id: Option<Uuid>,
    pub last_error: Option<String>,
    pub finished: bool,
    pub due_in: f64,
}

pub async fn job(pool: &PgPool, id: Uuid) -> Job {
    sqlx::query_as(
        "SELECT status, token, attempt_no, failures, crashes, suspect, worker_id, last_error, finished_at IS NOT NULL AS finished,
                extract(epoch FROM next_attempt_at - clock_timestamp())::float8 AS due_in FROM probe_jobs WHERE job_id = $1",
    )
    .bind(id)
    .fetch_one(pool)
    .await
    .unwrap()
}

pub async fn count(pool: &PgPool, status: &str) -> i64 {
    let counted = sqlx::query_scalar("SELECT count(*) FROM probe_jobs WHERE status = $1").bind(status).fetch_one(pool);
    counted.await.unwrap()
}

/// Waits until the row has this status.
pub async fn becomes(pool: &PgPool, id: Uuid, status: &str) -> Job {
    eventually(SOON, format!("the row becomes {status}"), || async move {
        let job = job(pool, id).await;
        if job.status == status { Ok(job) } else { Err(job) }
    })
    .await
}

pub async fn all_become(pool: &PgPool, status: &str, rows: usize) {
    eventually(SOON, format!("{rows} rows become {status}"), || async move {
        let now = count(pool, status).await;
        if now == i64::try_from(rows).unwrap() { Ok(()) } else { Err(now) }
    })
    .await;
}

/// What was recorded about a row, in no order.
pub async fn history(pool: &PgPool, id: Uuid) -> Vec<(String, Option<String>)> {
    let read =
        sqlx::query_as("SELECT what, detail FROM probe_history WHERE job_id = $1 ORDER BY what, detail").bind(id);
    read.fetch_all(pool).await.unwrap()
}

/// How often the row had an effect.
pub async fn effects(pool: &PgPool, id: Uuid) -> i64 {
    let read = sqlx::query_scalar("SELECT count(*) FROM probe_effects WHERE job_id = $1").bind(id);
    read.fetch_one(pool).await.unwrap()
}
