//! The liveness of this process: one row in `workers`, refreshed every second (SPEC §10.3).
//!
//! The database's clock decides for others when we are dead; our own monotonic clock decides, a second earlier, when we
//! stop believing in ourselves. A lease that was lost is never revived: the process registers anew under another id.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use sqlx::{ConnectOptions as _, Connection as _, PgConnection, postgres::PgConnectOptions};
use tokio::{
    sync::{Mutex, OwnedMutexGuard, watch},
    time::{Instant, sleep, sleep_until, timeout_at},
};
use tokio_util::sync::CancellationToken;

use super::{background, backoff::Reconnect};
use crate::postgres::Error;
use crate::{
    ids::WorkerId,
    postgres::Db,
    random::Random,
    service::{
        health::{Health, PartKind},
        lifecycle::Lifecycle,
    },
};

/// The intervals of liveness and rescue; the defaults are the product's, tests take shorter ones.
#[derive(Debug, Clone, Copy)]
pub struct Timing {
    /// How often the lease is renewed.
    pub beat: Duration,
    /// How long a renewal lasts, on the database's clock.
    pub lease: Duration,
    /// How much earlier the worker stops trusting itself.
    pub margin: Duration,
    /// How often each queue looks for rows of dead workers, ± 20 %.
    pub rescue: Duration,
    /// How much later than the attempt's limit its deadline is, after which others take the row though the worker lives.
    pub hang_slack: Duration,
}

impl Default for Timing {
    fn default() -> Self {
        Self {
            beat: Duration::from_secs(1),
            lease: Duration::from_secs(5),
            margin: Duration::from_secs(1),
            rescue: Duration::from_secs(1),
            hang_slack: Duration::from_secs(10),
        }
    }
}

/// No lease ends later than this from now, whatever build its worker is of.
const LONGEST_LEASE: Duration = Duration::from_secs(60);

/// How often a worker looks for leases that end later.
const LOOK_AHEAD: Duration = Duration::from_secs(15);

/// The worker that this process is. One per process; cheap to clone.
#[derive(Clone)]
pub struct Worker {
    lease: watch::Receiver<Option<Arc<Lease>>>,
    timing: Timing,
    /// Held by the one suspect row that this process works, of whichever queue: two suspects side by side would both be
    /// blamed for what one of them did.
    solo: Arc<Mutex<()>>,
}

/// One registration, from its row's insertion until it is lost or given up.
#[derive(Debug)]
pub(super) struct Lease {
    pub(super) id: WorkerId,
    /// Milliseconds after `epoch` until which we trust ourselves.
    valid_ms: AtomicU64,
    epoch: Instant,
    /// From when on rows of others may be rescued: see [`Lease::may_judge_others`].
    judge_from: Instant,
    pub(super) lost: CancellationToken,
}

impl Lease {
    fn new(id: WorkerId, epoch: Instant, judge_from: Instant) -> Self {
        Self { id, valid_ms: AtomicU64::new(0), epoch, judge_from, lost: CancellationToken::new() }
    }

    fn extend(&self, until: Instant) {
        let ms = until.saturating_duration_since(self.epoch).as_millis();
        self.valid_ms.store(u64::try_from(ms).unwrap_or(u64::MAX), Ordering::Release);
    }

    fn valid_until(&self) -> Instant {
        self.epoch + Duration::from_millis(self.valid_ms.load(Ordering::Acquire))
    }

    pub(super) fn is_valid(&self) -> bool {
        !self.lost.is_cancelled() && Instant::now() < self.valid_until()
    }

    /// After an outage that cost us the lease, the others' leases are gone as well though they live: for one lease's
    /// length they get the chance to hand their rows back themselves before we call them dead.
    pub(super) fn may_judge_others(&self) -> bool {
        Instant::now() >= self.judge_from
    }
}

impl Worker {
    /// Registers this process and keeps its lease. Returns at once; nothing is claimed before the lease is there.
    #[must_use]
    pub fn start(db: &Db, process: &'static str, instance: &str, lifecycle: &Lifecycle, random: &Random) -> Self {
        Self::start_with(db, process, instance, lifecycle, random, Timing::default())
    }

    /// [`Worker::start`] with other intervals.
    #[must_use]
    pub fn start_with(
        db: &Db,
        process: &'static str,
        instance: &str,
        lifecycle: &Lifecycle,
        random: &Random,
        timing: Timing,
    ) -> Self {
        let (publish, lease) = watch::channel(None);
        let options = db.options().clone().application_name("galaxy heartbeat");
        let keeper = Keeper { process, instance: instance.to_owned(), options, timing, publish };
        let reconnect = Reconnect::new(random.clone(), timing.beat);
        background::spawn(lifecycle, "heartbeat", Duration::from_secs(1), |stop| keeper.run(reconnect, stop));
        Self { lease, timing, solo: Arc::default() }
    }

    /// Tells of the lease as the part `lease` of the process's health: a worker without one does nothing, and is not ready.
    pub fn report(&self, health: &Health, lifecycle: &Lifecycle) {
        let (part, mut lease) = (health.part("lease", PartKind::Required), self.lease.clone());
        let soft = lifecycle.soft();
        lifecycle.spawn_detached_ok("lease report", async move {
            let reporting = async {
                let mut had = false;
                loop {
                    match lease.borrow_and_update().is_some() {
                        true => part.set_ok(),
                        false if had => part.set_failed("the lease is lost: Postgres did not take its renewal"),
                        false => part.set_failed("no lease yet: Postgres has not taken this worker's registration"),
                    }
                    had |= lease.borrow().is_some();
                    if lease.changed().await.is_err() {
                        break;
                    }
                }
            };
            soft.run_until_cancelled(reporting).await;
            Ok(())
        });
    }

    /// Whether this process may claim and have effects now.
    #[must_use]
    pub fn lease_valid(&self) -> bool {
        self.lease.borrow().as_ref().is_some_and(|lease| lease.is_valid())
    }

    /// The id under which this process is registered; it changes after a lost lease.
    #[must_use]
    pub fn id(&self) -> Option<WorkerId> {
        self.lease.borrow().as_ref().map(|lease| lease.id)
    }

    /// The intervals in force.
    #[must_use]
    pub fn timing(&self) -> Timing {
        self.timing
    }

    pub(super) fn lease(&self) -> Option<Arc<Lease>> {
        self.lease.borrow().clone().filter(|lease| lease.is_valid())
    }

    pub(super) fn try_solo(&self) -> Option<OwnedMutexGuard<()>> {
        Arc::clone(&self.solo).try_lock_owned().ok()
    }

    pub(super) fn watch(&self) -> watch::Receiver<Option<Arc<Lease>>> {
        self.lease.clone()
    }
}

/// The task that keeps the lease, on a connection of its own: a busy pool must not cost the lease.
struct Keeper {
    process: &'static str,
    instance: String,
    options: PgConnectOptions,
    timing: Timing,
    publish: watch::Sender<Option<Arc<Lease>>>,
}

impl Keeper {
    async fn run(self, mut reconnect: Reconnect, stop: CancellationToken) {
        let mut conn = None;
        let mut before = false;
        let mut failing = false;
        while !stop.is_cancelled() {
            let registered = tokio::select! {
                registered = self.register(&mut conn, before) => registered,
                () = stop.cancelled() => return,
            };
            match registered {
                Ok(lease) => {
                    reconnect.reset();
                    failing = false;
                    tracing::info!(worker_id = %lease.id, process = self.process, "registered as a worker");
                    before = true;
                    let _ = self.publish.send(Some(Arc::clone(&lease)));
                    let stopped = self.keep(&lease, &mut conn, &mut reconnect, &stop).await;
                    lease.lost.cancel();
                    let _ = self.publish.send(None);
                    if stopped {
                        self.retire(lease.id, conn).await;
                        return;
                    }
                    tracing::error!(worker_id = %lease.id, "the lease is lost: work under way is dropped");
                }
                Err(error) => {
                    conn = None;
                    if !std::mem::replace(&mut failing, true) {
                        tracing::warn!(%error, "cannot register as a worker yet");
                    }
                    tokio::select! { () = sleep(reconnect.pause()) => {}, () = stop.cancelled() => {} }
                }
            }
        }
    }

    /// Renews until told to stop (true) or until the lease is lost (false).
    async fn keep(
        &self,
        lease: &Lease,
        conn: &mut Option<PgConnection>,
        reconnect: &mut Reconnect,
        stop: &CancellationToken,
    ) -> bool {
        let mut next = Instant::now() + self.timing.beat;
        let mut look_at = Instant::now();
        loop {
            tokio::select! {
                () = sleep_until(next.min(lease.valid_until())) => {}
                () = stop.cancelled() => return true,
            }
            if !lease.is_valid() {
                return false;
            }
            // The lease counts from before the statement was sent, so it never seems longer to us than to the database.
            let sent = Instant::now();
            // One that hangs is given up early enough for another on a new connection.
            let patience = (self.timing.lease - self.timing.margin) / 2;
            match timeout_at(lease.valid_until().min(sent + patience), self.beat(conn, lease.id)).await {
                Ok(Ok(true)) => {
                    reconnect.reset();
                    lease.extend(sent + self.timing.lease - self.timing.margin);
                    next = sent + self.timing.beat;
                    if look_at <= Instant::now() {
                        look_at = Instant::now() + LOOK_AHEAD;
                        self.look_ahead(conn, lease.id).await;
                    }
                }
                // Expired for the database, or our row is gone: others may have taken our work.
                Ok(Ok(false)) => return false,
                Ok(Err(error)) => {
                    tracing::warn!(%error, "the lease could not be renewed");
                    *conn = None;
                    next = Instant::now() + reconnect.pause();
                }
                Err(_) => {
                    tracing::warn!("renewing the lease takes too long");
                    *conn = None;
                    next = Instant::now();
                }
            }
        }
    }

    async fn register(&self, conn: &mut Option<PgConnection>, before: bool) -> Result<Arc<Lease>, Error> {
        let sent = Instant::now();
        let limit = self.timing.lease - self.timing.margin;
        let id = WorkerId::new();
        let lease = self.timing.lease.as_secs_f64();
        let inserted = timeout_at(sent + limit, async {
            let live = self.connected(conn).await?;
            // Rows that expired long ago are swept along. Not our own former one before its time: what was under way when
            // the lease was lost has the margin to end in, before others may see us dead.
            sqlx::query!(
                "WITH swept AS (DELETE FROM workers WHERE expires_at < clock_timestamp() - interval '1 minute')
                 INSERT INTO workers (worker_id, process, instance, version, expires_at)
                 VALUES ($1, $2, $3, $4, clock_timestamp() + make_interval(secs => $5))",
                id.uuid(),
                self.process,
                self.instance,
                env!("CARGO_PKG_VERSION"),
                lease,
            )
            .execute(live)
            .await?;
            Ok(())
        })
        .await;
        inserted.unwrap_or_else(|_| Err(Error::Silent))?;
        let judge_from = if before { sent + self.timing.lease } else { sent };
        let lease = Lease::new(id, sent, judge_from);
        lease.extend(sent + limit);
        Ok(Arc::new(lease))
    }

    async fn beat(&self, conn: &mut Option<PgConnection>, id: WorkerId) -> Result<bool, Error> {
        let live = self.connected(conn).await?;
        let renewed = sqlx::query!(
            "UPDATE workers SET beat_at = clock_timestamp(), expires_at = clock_timestamp() + make_interval(secs => $2)
             WHERE worker_id = $1 AND expires_at > clock_timestamp()",
            id.uuid(),
            self.timing.lease.as_secs_f64(),
        )
        .execute(live)
        .await?;
        Ok(renewed.rows_affected() == 1)
    }

    /// Cuts the leases of others that end later than any may, to one from now on: the database's clock was ahead when they were
    /// renewed. Whoever lives renews theirs in time. Of one that died meanwhile the lease would go on for as long as the clock was
    /// ahead: its rows would stay in its hands, and its daemon would look served.
    async fn look_ahead(&self, conn: &mut Option<PgConnection>, id: WorkerId) {
        // Our own lease comes first: it has time for a renewal after this.
        let until = Instant::now() + self.timing.beat;
        match timeout_at(until, self.cut_leases(conn, id)).await {
            Ok(Ok(0)) => {}
            Ok(Ok(workers)) => {
                tracing::warn!(workers, "leases ended too far ahead: was the database's clock set back?");
            }
            Ok(Err(error)) => {
                tracing::debug!(%error, "could not look for leases that end too far ahead");
                *conn = None;
            }
            // It may be in the middle of the statement.
            Err(_elapsed) => *conn = None,
        }
    }

    async fn cut_leases(&self, conn: &mut Option<PgConnection>, id: WorkerId) -> Result<u64, Error> {
        let live = self.connected(conn).await?;
        // A statement of its own, and past rows that somebody has: two that look at once never wait for each other.
        let cut = sqlx::query!(
            "UPDATE workers SET expires_at = clock_timestamp() + make_interval(secs => $2)
             WHERE worker_id IN (SELECT worker_id FROM workers
                                  WHERE worker_id <> $1 AND expires_at > clock_timestamp() + make_interval(secs => $3)
                                    FOR NO KEY UPDATE SKIP LOCKED)",
            id.uuid(),
            self.timing.lease.as_secs_f64(),
            LONGEST_LEASE.as_secs_f64(),
        )
        .execute(live)
        .await?;
        Ok(cut.rows_affected())
    }

    /// Gives the lease up: nothing of ours is under way any more, and what could not be handed back is due at once.
    async fn retire(&self, id: WorkerId, mut conn: Option<PgConnection>) {
        let retired = async {
            let live = self.connected(&mut conn).await?;
            sqlx::query!("DELETE FROM workers WHERE worker_id = $1", id.uuid()).execute(live).await?;
            Ok::<_, Error>(())
        };
        if let Err(error) = retired.await {
            tracing::warn!(%error, "could not take the worker's row away; it expires");
        }
        if let Some(conn) = conn {
            let _ = conn.close().await;
        }
    }

    async fn connected<'a>(&self, conn: &'a mut Option<PgConnection>) -> Result<&'a mut PgConnection, Error> {
        if conn.is_none() {
            *conn = Some(self.options.connect().await?);
        }
        conn.as_mut().ok_or(Error::Lost)
    }
}
