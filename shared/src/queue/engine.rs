//! What the loops of one queue share.

use std::{
    collections::HashMap,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use parking_lot::Mutex;
use tokio::{
    sync::Notify,
    time::{Instant, error::Elapsed},
};
use uuid::Uuid;

use super::{Queue, QueueSpec, Settings, WorkerDeps, sql::Statements};
use crate::postgres::Conn;
use crate::postgres::Error;

/// Longest pause while Postgres is away.
pub(super) const RECONNECT_CAP: Duration = Duration::from_secs(1);

pub(super) struct Engine<Q: Queue> {
    pub(super) queue: Arc<Q>,
    pub(super) sql: Arc<Statements>,
    pub(super) settings: Settings,
    pub(super) deps: WorkerDeps,
    pub(super) flags: Flags,
}

/// What the other loops tell the claim loop.
#[derive(Default)]
pub(super) struct Flags {
    /// Look again.
    pub(super) poke: Notify,
    /// A slot was freed.
    pub(super) freed: Arc<Notify>,
    /// A row of ours is due again at `due_hint`.
    pub(super) hinted: Notify,
    due_hint: Mutex<Option<Instant>>,
    /// The next look must not trust the watermark.
    sweep: AtomicBool,
    /// There are due suspects.
    suspects: AtomicBool,
    /// Rows that this process knows it has, each under the token of the attempt that it has it for.
    held: Mutex<HashMap<Uuid, i64>>,
}

impl<Q: Queue> Engine<Q> {
    pub(super) fn spec(&self) -> &'static QueueSpec {
        self.sql.spec
    }

    pub(super) fn name(&self) -> &'static str {
        self.sql.spec.name
    }

    /// Longest that one conversation of the engine with Postgres may take: what takes longer has lost its connection.
    pub(super) fn statement_limit(&self) -> Duration {
        self.deps.db.operation_timeout()
    }

    /// A connection to claim with; `None` at the soft stop, which must not wait for a pool that has none to give.
    pub(super) async fn connection(&self) -> Result<Option<Conn>, Error> {
        let soft = self.deps.lifecycle.soft();
        tokio::select! {
            conn = self.deps.db.acquire() => conn.map(Some),
            () = soft.cancelled() => Ok(None),
        }
    }
}

impl Flags {
    pub(super) fn demand_sweep(&self) {
        self.sweep.store(true, Ordering::Release);
    }

    pub(super) fn take_sweep(&self) -> bool {
        self.sweep.swap(false, Ordering::AcqRel)
    }

    pub(super) fn set_suspects(&self, due: bool) {
        self.suspects.store(due, Ordering::Release);
    }

    pub(super) fn suspects(&self) -> bool {
        self.suspects.load(Ordering::Acquire)
    }

    /// A row will be due in a while: the claim loop must not sleep past it.
    pub(super) fn hint(&self, due_in: Duration) {
        let at = Instant::now() + due_in;
        let mut hint = self.due_hint.lock();
        *hint = Some(hint.map_or(at, |known| known.min(at)));
        drop(hint);
        self.hinted.notify_one();
    }

    pub(super) fn take_hint(&self) -> Option<Instant> {
        self.due_hint.lock().take()
    }

    pub(super) fn hold(&self, rows: impl IntoIterator<Item = (Uuid, i64)>) {
        self.held.lock().extend(rows);
    }

    /// By token: a row that was given back may have been claimed again before we come to forget its earlier attempt.
    pub(super) fn let_go(&self, rows: impl IntoIterator<Item = (Uuid, i64)>) {
        let mut held = self.held.lock();
        for (id, token) in rows {
            if held.get(&id) == Some(&token) {
                held.remove(&id);
            }
        }
    }

    /// What this process knows that it has: ids, and the tokens in the same order.
    pub(super) fn held(&self) -> (Vec<Uuid>, Vec<i64>) {
        self.held.lock().iter().map(|(id, token)| (*id, *token)).unzip()
    }
}

/// The result of a bounded conversation with Postgres. A connection that did not answer in time is thrown away: its
/// answer may still come, or never.
pub(super) fn bounded<T>(done: Result<Result<T, Error>, Elapsed>, mut conn: Conn) -> Result<T, Error> {
    done.unwrap_or_else(|_| {
        conn.close_on_drop();
        Err(Error::Silent)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_of_an_attempt_does_not_let_go_of_the_next_one() {
        let (flags, id) = (Flags::default(), Uuid::from_u128(1));
        flags.hold([(id, 1)]);
        // Released, and claimed again before the finisher gets to forget the first attempt.
        flags.hold([(id, 3)]);
        flags.let_go([(id, 1)]);
        assert_eq!(flags.held(), (vec![id], vec![3]));
        flags.let_go([(id, 3)]);
        assert_eq!(flags.held(), (vec![], vec![]));
    }
}
