//! Starting a queue, and its claim loop.

use std::{sync::Arc, time::Duration};

use tokio::{
    sync::{
        OwnedMutexGuard, Semaphore,
        mpsc::{UnboundedSender, unbounded_channel},
        watch,
    },
    time::{Instant, sleep_until, timeout},
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use tracing::Instrument as _;
use uuid::Uuid;

use super::{
    Claim, Listener, NotifyHealth, Queue, Settings, Signal, Topic, Waker, Worker,
    backoff::{Reconnect, jittered},
    claim::{Claimer, Free, Pass},
    engine::{Engine, Flags, RECONNECT_CAP, bounded},
    metrics,
    seat::Seat,
    sql::{Claimed, Statements},
    trace,
    work::{After, Bundle, Loaded, Report, Reported, Room},
    worker::Lease,
};
use crate::postgres::Error;
use crate::{
    postgres::{Conn, Db},
    random::Random,
    service::{health::SchemaGate, lifecycle::Lifecycle},
};

/// The longest pause between two looks at the table while it is not certain that notifications arrive.
const SCAN_UNAWARE: Duration = Duration::from_millis(500);

/// The pause before asking again for the right to work a suspect, which one queue of the process has at a time.
const SOLO_RETRY: Duration = Duration::from_millis(50);

/// A claim is followed by a second statement, which asks when the next row is due. It looks back to the time of the claim,
/// and this much further, since the two statements need not take the same time to reach the server. Without it, a row that
/// came due between the two would wait for the next scan.
const OVERLAP: Duration = Duration::from_millis(20);
/// The shortest pause after a look that found less than it had room for. Rows within [`OVERLAP`] may be due and still not
/// be claimed, because the queue's filter holds them back; without a pause the loop would spin on them.
const AT_ONCE: Duration = Duration::from_millis(5);

/// What every queue of a process shares.
#[derive(Clone)]
pub struct WorkerDeps {
    /// The pool that claims, loads and finishes use.
    pub db: Db,
    /// This process's lease.
    pub worker: Worker,
    /// To wake this queue elsewhere when rows were given back.
    pub waker: Waker,
    /// To hear of new rows.
    pub listener: Listener,
    /// Stops the loops.
    pub lifecycle: Lifecycle,
    /// Jitter.
    pub random: Random,
    /// Open while the database's schema fits this build. Nothing is claimed while it is closed (SPEC §16).
    pub gate: SchemaGate,
}

/// Works a queue until the process stops. Returns at once; the loops run on the lifecycle.
///
/// At the soft stop the queue claims nothing more, and work that is under way goes on. At the hard stop that work is
/// dropped, and its rows are given back if the database answers within a second.
pub fn run<Q: Queue>(queue: Arc<Q>, settings: Settings, deps: &WorkerDeps) {
    metrics::engine().opened(queue.spec());
    let asked = Arc::clone(&queue);
    let sql = Arc::new(Statements::new(queue.spec(), Box::new(move || asked.filter_arg())));
    let engine = Arc::new(Engine { queue, sql, settings, deps: deps.clone(), flags: Flags::default() });
    let (sender, receiver) = unbounded_channel();
    let lifecycle = &deps.lifecycle;
    let finishing = Arc::clone(&engine).finish_loop(receiver);
    lifecycle.spawn("queue finish", async {
        finishing.await;
        Ok(())
    });
    let watching = Arc::clone(&engine).watch_loop();
    lifecycle.spawn("queue rescue", async {
        watching.await;
        Ok(())
    });
    let removing = Arc::clone(&engine).retention_loop();
    lifecycle.spawn("queue retention", async {
        removing.await;
        Ok(())
    });
    let claiming = ClaimLoop::new(engine, sender).run();
    lifecycle.spawn("queue claim", async {
        claiming.await;
        Ok(())
    });
}

struct ClaimLoop<Q: Queue> {
    engine: Arc<Engine<Q>>,
    finisher: UnboundedSender<Bundle<Q::Note>>,
    signal: Signal,
    slots: Arc<Semaphore>,
    works: TaskTracker,
    claimer: Claimer,
    reconnect: Reconnect,
    /// A claim failed, and may have committed all the same. The next one then first gives back the rows that it left.
    doubtful: bool,
    /// The last claim failed. Kept so that a failure that lasts is logged once.
    failing: bool,
    /// No suspect is claimed before then: normal rows have their turn. See [`ClaimLoop::suspects`].
    suspects_from: Instant,
    /// When the work on the current suspect began, or on the last one; `None` once normal rows have been given their turn
    /// for it.
    alone_since: Option<Instant>,
    /// No look at the table before then: the rows of the last claim could not be loaded, and were given back.
    rest_until: Option<Instant>,
}

/// What ends a wait of the claim loop, besides wake-ups.
struct Wait {
    /// This moment.
    until: Option<Instant>,
    /// A slot that is freed.
    slot: bool,
}

impl Wait {
    fn slot() -> Self {
        Self { until: None, slot: true }
    }

    fn for_(pause: Duration) -> Self {
        Self { until: Some(Instant::now() + pause), slot: false }
    }
}

impl<Q: Queue> ClaimLoop<Q> {
    fn new(engine: Arc<Engine<Q>>, finisher: UnboundedSender<Bundle<Q::Note>>) -> Self {
        let spec = engine.spec();
        // Suspects may be left from before this process started.
        engine.flags.set_suspects(true);
        Self {
            signal: engine.deps.listener.subscribe_all(&[spec.topic, Topic::Control]),
            slots: Arc::new(Semaphore::new(engine.settings.slots.max(1))),
            works: TaskTracker::new(),
            claimer: Claimer::new(engine.sql.priorities()),
            reconnect: Reconnect::new(engine.deps.random.clone(), RECONNECT_CAP),
            doubtful: false,
            failing: false,
            suspects_from: Instant::now(),
            alone_since: None,
            rest_until: None,
            engine,
            finisher,
        }
    }

    async fn run(mut self) {
        let soft = self.engine.deps.lifecycle.soft();
        let mut gate = self.engine.deps.gate.clone();
        let mut leases = self.engine.deps.worker.watch();
        let mut health = self.engine.deps.listener.watch();
        while !soft.is_cancelled() {
            if !gate.is_open() {
                tokio::select! { () = gate.opened() => {}, () = soft.cancelled() => break }
            }
            leases.mark_unchanged();
            let Some(lease) = self.engine.deps.worker.lease() else {
                tokio::select! { _ = leases.changed() => {}, () = soft.cancelled() => break }
                continue;
            };
            let waits = self.step(&lease).await;
            if let Some(until) = self.rest_until.take() {
                // Giving rows back wakes every process, this one too. That must not cut the rest short.
                tokio::select! { () = sleep_until(until) => {}, () = soft.cancelled() => break }
            }
            let Some(wait) = waits else { continue };
            self.wait(wait, &lease, &soft, &mut health).await;
        }
        // Work that is under way watches for the hard stop itself. The finish loop ends when the last sender is dropped.
        self.works.close();
        self.works.wait().await;
    }

    async fn wait(
        &self,
        mut wait: Wait,
        lease: &Lease,
        soft: &CancellationToken,
        health: &mut watch::Receiver<NotifyHealth>,
    ) {
        let flags = &self.engine.flags;
        loop {
            // Each of these flags keeps a wake-up that came before anybody waited, so one that came during the look ends the
            // wait at once.
            tokio::select! {
                () = soft.cancelled() => return,
                () = lease.lost.cancelled() => return,
                () = self.signal.notified() => return,
                () = flags.poke.notified() => return,
                () = flags.freed.notified(), if wait.slot => return,
                _ = health.changed() => return,
                () = flags.hinted.notified() => {
                    // While the wait is for a slot alone, a hint changes nothing: the next look will find the row.
                    if let Some(hint) = flags.take_hint() && let Some(until) = wait.until {
                        wait.until = Some(until.min(hint));
                    }
                }
                () = async { sleep_until(wait.until.unwrap_or_else(Instant::now)).await }, if wait.until.is_some() => return,
            }
        }
    }

    /// One look at the table. `None`: look again at once.
    async fn step(&mut self, lease: &Arc<Lease>) -> Option<Wait> {
        let slots = self.engine.settings.slots.max(1);
        // Not while there may be rows of ours that nobody works: a suspect among them would be blamed for the death of another.
        if !self.doubtful && self.engine.flags.suspects() && Instant::now() >= self.suspects_from {
            match self.suspects(lease, slots).await {
                Ok(Some(wait)) => return Some(wait),
                Ok(None) => {}
                Err(error) => return Some(self.failed(&error)),
            }
        }
        let free = self.slots.available_permits();
        if free == 0 {
            return Some(Wait::slot());
        }
        // One slot is kept for priority 0, so that an urgent row does not wait until a batch of a broadcast has ended.
        let kept = usize::from(slots > 1 && self.engine.sql.priorities() > 1);
        let free = Free { slots: free, batch: self.engine.settings.batch.max(1), kept };
        match self.claim(lease, free).await {
            Ok(wait) => {
                if std::mem::take(&mut self.failing) {
                    tracing::info!(queue = self.engine.name(), "claiming again");
                    if self.rest_until.is_none() {
                        self.reconnect.reset();
                    }
                }
                let mut wait = wait?;
                if self.engine.flags.suspects() {
                    wait.until = wait.until.map(|until| until.min(self.suspects_from));
                }
                Some(wait)
            }
            Err(error) => Some(self.failed(&error)),
        }
    }

    /// Claims one suspect, if it is the suspects' turn. A suspect is worked with nothing beside it in its queue, and with no
    /// other suspect in the process, so it is claimed when all slots of the queue are empty. Afterwards normal rows have
    /// their turn for as long as the suspect took.
    ///
    /// Answers what to wait for; `None` means to go on with normal rows.
    async fn suspects(&mut self, lease: &Arc<Lease>, slots: usize) -> Result<Option<Wait>, Error> {
        if self.slots.available_permits() < slots {
            return Ok(Some(Wait::slot()));
        }
        if let Some(since) = self.alone_since.take() {
            self.suspects_from = Instant::now() + since.elapsed();
            return Ok(None);
        }
        let Some(solo) = self.engine.deps.worker.try_solo() else {
            self.suspects_from = Instant::now() + SOLO_RETRY;
            return Ok(None);
        };
        let engine = Arc::clone(&self.engine);
        let mut conn = engine.deps.db.acquire().await?;
        let asked_at = Instant::now();
        let claiming =
            timeout(engine.statement_limit(), engine.sql.claim_suspect(&mut conn, lease.id.uuid(), self.deadline()));
        let claimed = match claiming.await {
            Ok(claimed) => claimed?,
            Err(elapsed) => return bounded(Err(elapsed), conn),
        };
        let Some(row) = claimed else {
            engine.flags.set_suspects(false);
            return Ok(None);
        };
        engine.flags.hold([(row.claim.id, row.claim.token)]);
        self.alone_since = Some(Instant::now());
        self.begin(lease, conn, vec![row], asked_at, Some(solo)).await?;
        Ok(Some(Wait::slot()))
    }

    /// How long after the claim others may take the row from us. That is later than our own time limit for the work, so
    /// whoever takes it finds that we stopped long before.
    fn deadline(&self) -> Duration {
        self.engine.settings.attempt_limit + self.engine.deps.worker.timing().hang_slack
    }

    /// What to wait for after a claim that failed. The loop does not end for an error, since Postgres comes back.
    fn failed(&mut self, error: &Error) -> Wait {
        self.doubtful = true;
        self.engine.flags.demand_sweep();
        if !std::mem::replace(&mut self.failing, true) {
            tracing::warn!(%error, queue = self.engine.name(), "claiming failed; trying again until it works");
        }
        Wait::for_(self.reconnect.pause())
    }

    async fn claim(&mut self, lease: &Arc<Lease>, free: Free) -> Result<Option<Wait>, Error> {
        let engine = Arc::clone(&self.engine);
        let Some(mut conn) = engine.connection().await? else { return Ok(Some(Wait::slot())) };
        // This look finds whatever a hint from before it was about.
        engine.flags.take_hint();
        let (sweep, deadline, looked_at) = (engine.flags.take_sweep(), self.deadline(), Instant::now());
        let looking = async {
            if self.doubtful {
                let (ids, tokens) = engine.flags.held();
                engine.sql.reclaim.query().bind(lease.id.uuid()).bind(ids).bind(tokens).execute(&mut *conn).await?;
            }
            self.claimer.pass(&mut conn, &engine.sql, lease.id.uuid(), free, deadline, sweep).await
        };
        let Pass { rows, full, held, doubtful, sweep_in } = match timeout(engine.statement_limit(), looking).await {
            Ok(pass) => pass?,
            Err(elapsed) => return bounded(Err(elapsed), conn),
        };
        engine.flags.hold(rows.iter().map(|row| (row.claim.id, row.claim.token)));
        self.doubtful = doubtful;
        let none = rows.is_empty();
        let conn = if none { Some(conn) } else { self.begin(lease, conn, rows, looked_at, None).await? };
        if full || doubtful {
            return Ok(None);
        }
        if none && engine.flags.suspects() {
            // There are no normal rows, so suspects need not wait until these have had their turn.
            self.suspects_from = self.suspects_from.min(Instant::now() + SOLO_RETRY);
        }
        if held {
            // Rows are due, but only the slot that is kept for urgent ones is free. A slot that is freed, or a wake-up, is
            // the time to look again. The scan finds urgent rows that come due meanwhile.
            return Ok(Some(Wait { until: Some(Instant::now() + self.scan_interval()), slot: true }));
        }
        let mut conn = match conn {
            Some(conn) => conn,
            None => engine.deps.db.acquire().await?,
        };
        let next_due = match timeout(
            engine.statement_limit(),
            engine.sql.next_due(&mut conn, looked_at.elapsed() + OVERLAP),
        )
        .await
        {
            Ok(next_due) => next_due?,
            Err(elapsed) => return bounded(Err(elapsed), conn),
        };
        let next_due = next_due.map(|due| due.max(AT_ONCE));
        let pause = [next_due, sweep_in].into_iter().flatten().fold(self.scan_interval(), Duration::min);
        // A row that the queue's filter holds back may be let through when another row is finished: look then, too.
        Ok(Some(Wait { until: Some(Instant::now() + pause), slot: !engine.spec().filter.is_empty() }))
    }

    /// Loads the claimed rows and starts a task for each batch of them, one slot a batch. Answers the connection, unless it
    /// can no longer be used.
    async fn begin(
        &mut self,
        lease: &Arc<Lease>,
        mut conn: Conn,
        rows: Vec<Claimed>,
        claimed_at: Instant,
        solo: Option<OwnedMutexGuard<()>>,
    ) -> Result<Option<Conn>, Error> {
        let engine = Arc::clone(&self.engine);
        for row in &rows {
            metrics::engine().picked_up(engine.name(), row.claim.priority, row.lag);
        }
        let claims: Vec<Claim> = rows.into_iter().map(|row| row.claim).collect();
        let ids: Vec<(Uuid, i64)> = claims.iter().map(|claim| (claim.id, claim.token)).collect();
        let span = trace::around("queue.load", engine.name(), claims.iter());
        let loading = engine.load(&mut conn, claims);
        let (loaded, after) = match timeout(engine.statement_limit(), loading.instrument(span)).await {
            Ok(loaded) => loaded,
            Err(elapsed) => {
                // No task will work these rows. The next claim gives them back.
                engine.flags.let_go(ids);
                return bounded(Err(elapsed), conn);
            }
        };
        let permits = match &solo {
            Some(_) => u32::try_from(engine.settings.slots.max(1)).unwrap_or(u32::MAX),
            None => 1,
        };
        let (mut loaded, mut solo) = (loaded.into_iter().peekable(), solo);
        while let Some(priority) = loaded.peek().map(|(claim, _)| claim.priority) {
            // A batch has one priority, so that an urgent row is not worked at the pace of a broadcast.
            let mut chunk = Loaded::<Q::Work>::new();
            while chunk.len() < engine.settings.batch.max(1)
                && let Some(next) = loaded.next_if(|(claim, _)| claim.priority == priority)
            {
                chunk.push(next);
            }
            // This does not wait: no more rows were claimed than slots were free. And nobody closes the semaphore.
            let Ok(slots) = Arc::clone(&self.slots).acquire_many_owned(permits).await else { break };
            let seat = Arc::new(Seat::new(slots, solo.take(), Arc::clone(&engine.flags.freed)));
            let room = Room(Arc::clone(&seat));
            let (engine, lease, finisher) = (Arc::clone(&engine), Arc::clone(lease), self.finisher.clone());
            self.works.spawn(async move {
                let (mut ready, mut reports) = (Vec::new(), Vec::new());
                for (claim, work) in chunk {
                    match work {
                        Ok(work) => ready.push((claim, work)),
                        Err(outcome) => {
                            let result = Reported::Decided { outcome, note: None };
                            reports.push(Report { claim, claimed_at, worked: None, result });
                        }
                    }
                }
                if !ready.is_empty() {
                    reports.extend(engine.work(lease, claimed_at, ready, seat).await);
                }
                let _ = finisher.send(Bundle { reports, _room: room });
            });
        }
        match after {
            After::Away => self.rest_until = Some(Instant::now() + self.reconnect.pause()),
            // Only rows that were loaded prove that the database is well. A look that found nothing does not: rows that could
            // not be loaded may simply not have been given back yet.
            After::Good => self.reconnect.reset(),
            After::Spent => {}
        }
        if after != After::Good {
            conn.close_on_drop();
            return Ok(None);
        }
        Ok(Some(conn))
    }

    fn scan_interval(&self) -> Duration {
        let configured = self.engine.settings.scan_interval;
        let interval = match self.engine.deps.listener.state() {
            NotifyHealth::Healthy => configured,
            NotifyHealth::Degraded | NotifyHealth::Off => configured.min(SCAN_UNAWARE),
        };
        jittered(&self.engine.deps.random, interval)
    }
}
