//! The client's own limit on statements. A connection that went dead (a host that vanished, a full firewall) never answers,
//! and the kernel notices after a quarter of an hour; the server's `statement_timeout` cannot help where nothing arrives.
//!
//! Every connection of the pool notes when it was last used. [`within`] runs a piece of work and looks at the connections that
//! the work holds: once one of them has been silent for longer than the limit, the work is dropped, and the connection with it.
//! A use is noted when the connection is taken out of a [`Conn`](super::Conn), a [`Tx`](super::Tx) or a
//! [`Savepoint`](super::Savepoint). Statements that are run on one bare `PgConnection` are one use, and share one limit.

use crate::postgres::Error;
use std::{
    future::Future,
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use parking_lot::Mutex;
use tokio::{
    sync::Notify,
    time::{Instant, sleep_until},
};

tokio::task_local! {
    static WATCH: Arc<Watch>;
}

/// The connections that one piece of work holds.
#[derive(Default)]
struct Watch {
    held: Mutex<Vec<Arc<Held>>>,
    taken: Notify,
}

/// A connection that is out of the pool.
#[derive(Debug)]
pub(super) struct Held {
    taken_at: Instant,
    /// Milliseconds after `taken_at`: when it was last handed out, to a statement or to a function that runs some.
    used_ms: AtomicU64,
    /// It must not go back to the pool.
    dead: AtomicBool,
}

impl Held {
    /// Notes a connection that was just taken, with the work that took it, if that is watched.
    pub(super) fn new() -> Arc<Self> {
        let held =
            Arc::new(Self { taken_at: Instant::now(), used_ms: AtomicU64::new(0), dead: AtomicBool::new(false) });
        let _ = WATCH.try_with(|watch| {
            watch.held.lock().push(Arc::clone(&held));
            watch.taken.notify_one();
        });
        held
    }

    /// It is handed to a statement, or to a function that runs some.
    pub(super) fn used(&self) {
        let ms = u64::try_from(self.taken_at.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.used_ms.store(ms, Ordering::Relaxed);
    }

    pub(super) fn condemn(&self) {
        self.dead.store(true, Ordering::Relaxed);
    }

    pub(super) fn is_dead(&self) -> bool {
        self.dead.load(Ordering::Relaxed)
    }

    /// It goes back to the pool, or is closed.
    pub(super) fn given_up(self: &Arc<Self>) {
        let _ = WATCH.try_with(|watch| watch.held.lock().retain(|held| !Arc::ptr_eq(held, self)));
    }

    fn silent_since(&self) -> Instant {
        self.taken_at + Duration::from_millis(self.used_ms.load(Ordering::Relaxed))
    }
}

impl Watch {
    /// Returns once a connection has been silent for longer than `limit`; it, and any other such, must not be used again.
    async fn overdue(&self, limit: Duration) {
        loop {
            let longest = self.held.lock().iter().map(|held| held.silent_since()).min();
            match longest.map(|since| since + limit) {
                None => self.taken.notified().await,
                Some(end) if end <= Instant::now() => break,
                // It only moves on: whoever is longest silent now bounds the others.
                Some(end) => sleep_until(end).await,
            }
        }
        let now = Instant::now();
        self.held.lock().iter().filter(|held| held.silent_since() + limit <= now).for_each(|held| held.condemn());
    }
}

/// Runs work to its end, unless a connection of the pool that it holds does not answer for longer than `limit`: then the work
/// is dropped where it stands, as by any time limit, and its dead connection closed.
///
/// # Errors
/// [`Error::Silent`] when it was dropped.
pub async fn within<F: Future>(limit: Duration, work: F) -> Result<F::Output, Error> {
    let watch = Arc::new(Watch::default());
    // In the scope of the watch to its end: connections that fall with the work look there, too.
    let watched = async {
        let mut work = pin!(work);
        tokio::select! {
            biased;
            done = &mut work => Ok(done),
            () = watch.overdue(limit) => Err(Error::Silent),
        }
    };
    WATCH.scope(Arc::clone(&watch), watched).await
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMIT: Duration = Duration::from_secs(5);

    #[tokio::test(start_paused = true)]
    async fn silence_is_counted_from_the_last_use_and_ends_the_work() {
        let started = Instant::now();
        let ended = within(LIMIT, async {
            let held = Held::new();
            for _ in 0..10 {
                tokio::time::sleep(Duration::from_secs(4)).await;
                held.used();
            }
            std::future::pending::<()>().await;
        })
        .await;
        assert!(matches!(ended, Err(Error::Silent)));
        assert_eq!(started.elapsed().as_secs(), 45, "40 s of use, and 5 s of silence");
    }

    #[tokio::test(start_paused = true)]
    async fn work_without_a_connection_may_take_as_long_as_it_likes() {
        let done = within(LIMIT, async {
            let held = Held::new();
            held.given_up();
            tokio::time::sleep(LIMIT * 100).await;
            7
        })
        .await;
        assert_eq!(done.unwrap(), 7);
    }

    #[tokio::test(start_paused = true)]
    async fn only_the_silent_connection_is_condemned() {
        let (silent, used) = (Mutex::new(None), Mutex::new(None));
        let ended = within(LIMIT, async {
            *silent.lock() = Some(Held::new());
            let busy = Held::new();
            *used.lock() = Some(Arc::clone(&busy));
            loop {
                tokio::time::sleep(Duration::from_secs(1)).await;
                busy.used();
            }
        })
        .await;
        assert!(ended.is_err());
        assert!(silent.lock().as_ref().unwrap().is_dead());
        assert!(!used.lock().as_ref().unwrap().is_dead());
    }
}
