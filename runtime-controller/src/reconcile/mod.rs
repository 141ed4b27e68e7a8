//! The reconciler (SPEC §8): reads what is recorded and what the daemon has, both anew, plans with a pure function, and does what
//! the plan says, each game by itself. It takes no input: events of the daemon only say that it is time to look.
//! `docs/reconciler.md` has the table.

mod apply;
mod choose;
#[cfg(test)]
mod converge;
mod events;
pub mod observe;
pub mod plan;
#[cfg(test)]
mod table;
mod unserved;

use std::collections::hash_map::Entry;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use chrono::{DateTime, TimeDelta, Utc};
use parking_lot::Mutex;
use serde_json::{Value, json};
use shared::db::runtime::{self, questions};
use shared::domain::runtime::QuestionKind;
use shared::ids::GameId;
use shared::queue::{Topic, Waker};
use shared::service::health::{PartHandle, SchemaGate};
use tokio::sync::{Notify, Semaphore};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until, timeout};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use self::choose::{Chosen, choose, only_asks};
use self::events::Ears;
use self::plan::{Action, Deed, Plan, Rules};
use crate::ask::Oracle;
use crate::driver::DriverError;
use crate::engines::Engines;
use crate::outcome::Outcomes;

/// Two passes are at least so far apart: a host that goes down ends a thousand containers at once.
const LULL: Duration = Duration::from_millis(200);
/// Engines that are probed at once; those that were silent wait for each other in a lane of their own.
const PROBES: usize = 24;
const SILENT_PROBES: usize = 8;
/// How often it is looked whether other daemons are served, and jobs wait too long: a pass may come five times a second.
const UNSERVED: Duration = Duration::from_secs(5);
/// Who asked for a pass waits so long for what it began.
const PATIENCE: Duration = Duration::from_secs(8);

/// Why a pass broke off. The next one looks anew.
#[derive(Debug, thiserror::Error)]
pub enum PassError {
    /// The daemon.
    #[error(transparent)]
    Driver(#[from] DriverError),
    /// Postgres.
    #[error("the database does not answer: {0}")]
    Database(#[from] shared::db::Error),
}

/// One controller's reconciler.
pub struct Reconciler {
    engines: Arc<Engines>,
    outcomes: Outcomes,
    waker: Waker,
    interval: Duration,
    rules: Rules,
    /// Since when containers are unwanted, by their ids, as this process has seen it.
    unwanted: Mutex<HashMap<String, DateTime<Utc>>>,
    /// Games about which something is being done, and whether a pass had to pass over them meanwhile.
    in_hand: Mutex<HashMap<GameId, bool>>,
    /// Games whose engines are asked now. A silent one takes its time, and what the daemon tells of it meanwhile is done all the same.
    probed: Mutex<HashSet<GameId>>,
    tasks: TaskTracker,
    probes: Semaphore,
    silent_probes: Semaphore,
    look: Notify,
    /// When daemons that nobody serves were last looked for.
    unserved: Mutex<Option<Instant>>,
}

impl Reconciler {
    /// A reconciler of the daemon that `engines` is connected to. `interval` is `BACKEND_RUNTIME_RECONCILE_INTERVAL`, `grace`
    /// `BACKEND_RUNTIME_ORPHAN_GRACE`.
    #[must_use]
    pub fn new(
        engines: Arc<Engines>,
        outcomes: Outcomes,
        waker: Waker,
        interval: Duration,
        grace: Duration,
    ) -> Arc<Self> {
        let tuning = &engines.tuning;
        let delta = |duration| TimeDelta::from_std(duration).unwrap_or(TimeDelta::MAX);
        let rules = Rules {
            grace: delta(grace),
            revivals: tuning.revivals.times,
            revive_within: delta(tuning.revivals.longest()),
            probe_every: delta(tuning.probe_interval),
            probe_ill_every: delta(tuning.watch_interval),
            pause_after: delta(tuning.pause_after),
            resume_within: delta(tuning.resume_within),
        };
        Arc::new(Self {
            engines,
            outcomes,
            waker,
            interval,
            rules,
            unwanted: Mutex::default(),
            in_hand: Mutex::default(),
            probed: Mutex::default(),
            tasks: TaskTracker::new(),
            probes: Semaphore::new(PROBES),
            silent_probes: Semaphore::new(SILENT_PROBES),
            look: Notify::new(),
            unserved: Mutex::default(),
        })
    }

    /// Looks at once, then whenever the daemon tells of a change, something comes due, or the interval is over; until the process
    /// stops. It is also how the process knows that the daemon answers.
    ///
    /// # Errors
    /// When another daemon answers than the one that was met at start: everything this process does is bound to that one.
    pub async fn run(
        self: Arc<Self>,
        mut gate: SchemaGate,
        part: PartHandle,
        stop: CancellationToken,
    ) -> anyhow::Result<()> {
        let ears = Ears::default();
        let listening = ears.listen(&self.engines, &self.look);
        let looking = self.keep_looking(&ears, &mut gate, &part);
        let ended = tokio::select! {
            ended = looking => ended,
            () = listening => Ok(()),
            () = stop.cancelled() => Ok(()),
        };
        // What is under way is broken off with the process; whatever it leaves, another pass sees.
        self.tasks.close();
        ended
    }

    async fn keep_looking(
        self: &Arc<Self>,
        ears: &Ears,
        gate: &mut SchemaGate,
        part: &PartHandle,
    ) -> anyhow::Result<()> {
        let mut away = false;
        loop {
            // The first look is not one that waits for the next occasion, because the schema was not known to fit yet.
            gate.opened().await;
            let began = Instant::now();
            let mut next = began + if ears.hear() { self.interval } else { self.engines.tuning.watch_interval };
            match self.engines.db.try_within(self.pass(false)).await {
                Ok(pass) => {
                    if std::mem::take(&mut away) {
                        let id = self.engines.driver.daemon_id().await;
                        if let Ok(id) = id
                            && id != self.engines.daemon_id
                        {
                            anyhow::bail!("another daemon answers now: {id} in place of {}", self.engines.daemon_id);
                        }
                        tracing::info!("the daemon answers again");
                    }
                    part.set_ok();
                    next = next.min(began + pass.wait);
                    if pass.acts() {
                        next = next.min(began + self.engines.tuning.watch_interval);
                    }
                }
                Err(PassError::Driver(error)) => {
                    if !std::mem::replace(&mut away, true) {
                        tracing::warn!(%error, "the daemon does not answer");
                    }
                    part.set_failed(error.to_string());
                    next = began + self.engines.tuning.watch_interval;
                }
                Err(error) => {
                    tracing::warn!(%error, "the reconciler could not look");
                    next = began + self.engines.tuning.watch_interval;
                }
            }
            tokio::select! {
                () = self.look.notified() => {}
                () = sleep_until(next) => {}
            }
            sleep_until(began + LULL).await;
        }
    }

    /// One look at both sides, and the beginning of what is to be done about it. `dry_run`: only the look.
    async fn pass(self: &Arc<Self>, dry_run: bool) -> Result<Pass, PassError> {
        let unwanted = self.unwanted.lock().clone();
        let in_hand = {
            let mut hands = self.in_hand.lock();
            hands.values_mut().for_each(|passed_over| *passed_over = true);
            hands.keys().copied().collect()
        };
        let world = observe::observe(&self.engines, unwanted, in_hand).await?;
        let Plan { actions, next_at } = plan::plan(&world, &self.rules);
        let wait = next_at.map_or(Duration::MAX, |at| (at - world.now).to_std().unwrap_or_default());
        let mut pass = Pass {
            actions,
            wait: wait.min(self.interval).min(self.engines.tuning.probe_interval),
            begun: JoinSet::new(),
        };
        if !dry_run {
            self.remember(&pass.actions, world.now);
            self.begin(&mut pass, world.now);
            let due = self.unserved.lock().is_none_or(|last| last.elapsed() >= UNSERVED);
            if due {
                *self.unserved.lock() = Some(Instant::now());
                unserved::look(&self.engines, &self.outcomes, &self.waker).await?;
                self.mend_jobs().await?;
            }
        }
        Ok(pass)
    }

    /// Jobs that were put off while the database's clock was ahead are due: nobody waits for the day that it was ahead by (SPEC §8).
    async fn mend_jobs(&self) -> Result<(), shared::db::Error> {
        let engines = &self.engines;
        let longest = engines.tuning.longest_wait();
        let mended = runtime::mend_jobs(&mut *engines.db.acquire().await?, &engines.daemon_id, longest).await?;
        if mended > 0 {
            tracing::warn!(mended, "jobs waited longer than any does: the database's clock was ahead");
            self.waker.wake(Topic::RuntimeJobs);
        }
        Ok(())
    }

    /// What is unwanted is so since it was first seen so; what is not any more is forgotten.
    fn remember(&self, actions: &[Action], now: DateTime<Utc>) {
        let mut unwanted = self.unwanted.lock();
        let orphans = actions.iter().filter(|action| matches!(action.deed, Deed::Orphan { .. }));
        let orphans: HashSet<&String> = orphans.filter_map(|action| action.container_id.as_ref()).collect();
        unwanted.retain(|container, _| orphans.contains(container));
        for container in orphans {
            // Never from later on: the clock may have been ahead.
            unwanted.entry(container.clone()).and_modify(|since| *since = now.min(*since)).or_insert(now);
        }
    }

    /// Begins what is to be done, each game in a task of its own: nobody waits for another's engine.
    fn begin(self: &Arc<Self>, pass: &mut Pass, now: DateTime<Utc>) {
        let Chosen { games, more } = choose(&pass.actions, now, |game_id, only_asks| self.is_taken(game_id, only_asks));
        if more {
            self.look.notify_one();
        }
        for (game_id, actions) in games {
            let Some(mut hand) = self.take(game_id, &actions) else { continue };
            // The set ends with who waits for it; what it began goes on all the same.
            let (done, wait) = tokio::sync::oneshot::channel::<()>();
            self.tasks.spawn(async move {
                for action in &actions {
                    match hand.reconciler.apply(action).await {
                        Done::Failed => break,
                        done => hand.look |= done == Done::Changed,
                    }
                }
                drop(hand);
                let _ = done.send(());
            });
            pass.begun.spawn(async move {
                let _ = wait.await;
            });
        }
    }
}

impl Reconciler {
    /// Whether somebody has a game in hand already, or asks its engine.
    fn is_taken(&self, game_id: GameId, only_asks: bool) -> bool {
        if only_asks { self.probed.lock().contains(&game_id) } else { self.in_hand.lock().contains_key(&game_id) }
    }

    /// Takes a game in hand for these deeds; `None` where somebody has it already.
    fn take(self: &Arc<Self>, game_id: GameId, actions: &[Action]) -> Option<Hand> {
        let probe = only_asks(actions);
        let taken = if probe {
            self.probed.lock().insert(game_id)
        } else {
            match self.in_hand.lock().entry(game_id) {
                Entry::Occupied(_) => false,
                Entry::Vacant(vacant) => !*vacant.insert(false),
            }
        };
        taken.then(|| Hand { reconciler: Arc::clone(self), game_id, probe, look: false })
    }
}

/// A pass, and what it began.
struct Pass {
    actions: Vec<Action>,
    /// How long nothing more comes due.
    wait: Duration,
    begun: JoinSet<()>,
}

impl Pass {
    /// Whether anything but a probe was begun: what came of it is looked at soon.
    fn acts(&self) -> bool {
        self.actions.iter().any(|action| !matches!(action.deed, Deed::Probe { .. } | Deed::Orphan { .. }))
    }
}

/// A game about which something is being done.
struct Hand {
    reconciler: Arc<Reconciler>,
    game_id: GameId,
    /// Its engine is only asked.
    probe: bool,
    /// What was done changes what is to be done next.
    look: bool,
}

/// What came of a deed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Done {
    /// All is as it was, and well.
    AsItWas,
    /// Something is another way now.
    Changed,
    /// It could not be done; it is tried again when both sides are looked at next.
    Failed,
}

impl Drop for Hand {
    fn drop(&mut self) {
        let passed_over = if self.probe {
            self.reconciler.probed.lock().remove(&self.game_id);
            None
        } else {
            self.reconciler.in_hand.lock().remove(&self.game_id)
        };
        if self.look || passed_over == Some(true) {
            self.reconciler.look.notify_one();
        }
    }
}

/// The reconciler as the API asks it.
pub struct Told(pub Arc<Reconciler>);

#[async_trait]
impl Oracle for Told {
    async fn answer(&self, kind: QuestionKind, game_id: Option<GameId>, payload: &Value) -> questions::Answer {
        match kind {
            QuestionKind::Reconcile => {
                let dry_run = payload.get("dry_run").and_then(Value::as_bool).unwrap_or(true);
                self.0.told(dry_run).await.map_err(|error| error.to_string())
            }
            QuestionKind::Log => {
                let game_id = game_id.ok_or("no game was named")?;
                self.0.engines.log(game_id, payload).await
            }
        }
    }
}

impl Reconciler {
    /// A pass that somebody asked for: what it found to be done, and whether what it began was done when it was told.
    async fn told(self: &Arc<Self>, dry_run: bool) -> Result<Value, PassError> {
        let mut pass = self.engines.db.try_within(self.pass(dry_run)).await?;
        let begun = async { while pass.begun.join_next().await.is_some() {} };
        let finished = timeout(PATIENCE, begun).await.is_ok();
        let actions: Vec<_> = pass.actions.iter().map(Action::to_json).collect();
        Ok(json!({ "actions": actions, "finished": finished }))
    }
}
