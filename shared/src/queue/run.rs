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
use uuid::Uuid;

use super::{
    Claim, Listener, NotifyHealth, Queue, Settings, Signal, Topic, Waker, Worker,
    backoff::{Reconnect, jittered},
    claim::{Claimer, Free, Pass},
    engine::{Engine, Flags, RECONNECT_CAP, bounded},
    metrics,
    seat::Seat,
    sql::{Claimed, Statements},
    work::{After, Bundle, Loaded, Report, Reported, Room},
    worker::Lease,
};
use crate::{
    postgres::{Conn, Db},
    random::Random,
    service::{health::SchemaGate, lifecycle::Lifecycle},
};

/// How often the table is looked at while notifications are not known to arrive, at most.
const SCAN_UNAWARE: Duration = Duration::from_millis(500);

/// How soon to ask again for the right to work a suspect, while another queue of the process has it.
const SOLO_RETRY: Duration = Duration::from_millis(50);

/// How much further back than to the look before it the question for the next due row reaches: the statements' ways to
/// the server differ. A row that came due between the two would else wait for the next scan.
const OVERLAP: Duration = Duration::from_millis(20);
/// The shortest pause between two looks that found less than they had room for: rows within the overlap may be held back.
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
    /// Whether the database's schema fits this build; nothing is claimed while it does not (SPEC §16).
    pub gate: SchemaGate,
}

/// Works a queue until the process stops. Returns at once; the loops run on the lifecycle.
///
/// At the soft stop nothing more is claimed and what is under way goes on; at the hard stop it is dropped, and its rows
/// are handed back if the database answers within a second.
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
    /// A claim failed in a way that leaves open whether it committed.
    doubtful: bool,
    failing: bool,
    /// Normal rows have their turn until then: see [`ClaimLoop::suspects`].
    suspects_from: Instant,
    /// When the suspect was begun that is worked, or was last.
    alone_since: Option<Instant>,
    /// No look before then: what was claimed last could not even be read, and was given back.
    rest_until: Option<Instant>,
}

/// What the claim loop waits for, besides wake-ups.
struct Wait {
    until: Option<Instant>,
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
        // A crash before our start may have left suspects.
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
                // Rows that were given back wake everybody: wake-ups must not cut this short.
                tokio::select! { () = sleep_until(until) => {}, () = soft.cancelled() => break }
            }
            let Some(wait) = waits else { continue };
            self.wait(wait, &lease, &soft, &mut health).await;
        }
        // What is under way hears of the hard stop itself. The finisher ends when the last sender is gone.
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
            // A waiter stands registered before the look, in the flags themselves: what came meanwhile ends the wait.
            tokio::select! {
                () = soft.cancelled() => return,
                () = lease.lost.cancelled() => return,
                () = self.signal.notified() => return,
                () = flags.poke.notified() => return,
                () = flags.freed.notified(), if wait.slot => return,
                _ = health.changed() => return,
                () = flags.hinted.notified() => {
                    // With all slots taken there is nothing to do about it now; the next look will find the row.
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
        if self.engine.flags.suspects() && Instant::now() >= self.suspects_from {
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
        // One slot stays free of whatever is not urgent: a row of priority 0 need not wait for a batch of a broadcast to end.
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

    /// A suspect is worked with nothing beside it in its queue, and no other suspect in the process. Once its slots have
    /// emptied it is claimed; then normal rows, if there are any, have their turn for as long as it took.
    /// `None`: go on with normal rows.
    async fn suspects(&mut self, lease: &Arc<Lease>, slots: usize) -> Result<Option<Wait>, sqlx::Error> {
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

    /// Later than our own limit: whoever takes the row by its deadline finds that we let go of it long ago.
    fn deadline(&self) -> Duration {
        self.engine.settings.attempt_limit + self.engine.deps.worker.timing().hang_slack
    }

    /// The loop never ends for an error: Postgres comes back.
    fn failed(&mut self, error: &sqlx::Error) -> Wait {
        self.doubtful = true;
        self.engine.flags.demand_sweep();
        if !std::mem::replace(&mut self.failing, true) {
            tracing::warn!(%error, queue = self.engine.name(), "claiming failed; trying again until it works");
        }
        Wait::for_(self.reconnect.pause())
    }

    async fn claim(&mut self, lease: &Arc<Lease>, free: Free) -> Result<Option<Wait>, sqlx::Error> {
        let engine = Arc::clone(&self.engine);
        let Some(mut conn) = engine.connection().await? else { return Ok(Some(Wait::slot())) };
        // A hint from before this look is answered by it.
        engine.flags.take_hint();
        let (sweep, deadline, looked_at) = (engine.flags.take_sweep(), self.deadline(), Instant::now());
        let looking = async {
            if self.doubtful {
                let held = engine.flags.held();
                engine.sql.reclaim.query().bind(lease.id.uuid()).bind(held).execute(&mut *conn).await?;
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
            // Nothing else to do: suspects need not wait their turn.
            self.suspects_from = self.suspects_from.min(Instant::now() + SOLO_RETRY);
        }
        if held {
            // The next slot that is freed, or a wake-up, is the time to look again; the scan is for urgent rows that come due.
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
        // Rows that the filter holds back may become due when another of the queue is finished.
        Ok(Some(Wait { until: Some(Instant::now() + pause), slot: !engine.spec().filter.is_empty() }))
    }

    /// Loads claimed rows and hands them to tasks of their own, a batch a slot. Gives the connection back if it is good.
    async fn begin(
        &mut self,
        lease: &Arc<Lease>,
        mut conn: Conn,
        rows: Vec<Claimed>,
        claimed_at: Instant,
        solo: Option<OwnedMutexGuard<()>>,
    ) -> Result<Option<Conn>, sqlx::Error> {
        let engine = Arc::clone(&self.engine);
        for row in &rows {
            metrics::engine().picked_up(engine.name(), row.lag);
        }
        let claims: Vec<Claim> = rows.into_iter().map(|row| row.claim).collect();
        let ids: Vec<(Uuid, i64)> = claims.iter().map(|claim| (claim.id, claim.token)).collect();
        let (loaded, after) = match timeout(engine.statement_limit(), engine.load(&mut conn, claims)).await {
            Ok(loaded) => loaded,
            Err(elapsed) => {
                // Nobody knows of these rows any more: the next look gives them back.
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
            // Of one priority: an urgent row is not worked at the pace of a broadcast.
            let mut chunk = Loaded::<Q::Work>::new();
            while chunk.len() < engine.settings.batch.max(1)
                && let Some(next) = loaded.next_if(|(claim, _)| claim.priority == priority)
            {
                chunk.push(next);
            }
            // There are as many free slots as were claimed for; nobody closes the semaphore.
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
                            reports.push(Report { claim, claimed_at, result });
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
            // Not a look that found nothing: rows that could not be loaded may just not be back yet.
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
