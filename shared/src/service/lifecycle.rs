//! One lifecycle for every process: what stops it, in which order, and with which exit code (SPEC §16).
//!
//! Three tokens: *leaving* says "be ready no more, and serve on", *soft* says "take no new work, finish what you have",
//! *hard* says "abandon it". SIGTERM or SIGINT fire the first, and the second follows after the delay; a crashed task fires
//! both at once. The third follows when the budget for draining is spent. Once all tasks are gone, the closers registered
//! with [`Lifecycle::on_shutdown`] run in order. A second signal ends the process at once (docs/processes.md).

use std::{
    any::Any,
    collections::BTreeMap,
    future::Future,
    panic::AssertUnwindSafe,
    pin::Pin,
    process::ExitCode,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use futures::FutureExt as _;
use parking_lot::Mutex;
use tokio::{
    signal::unix::{SignalKind, signal},
    time::{Instant, timeout, timeout_at},
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

/// The most that tasks get between the hard stop and their end, to note what they abandon.
const HARD_GRACE: Duration = Duration::from_secs(1);

/// Stops the process as one; clones are handles on the same lifecycle.
#[derive(Clone)]
pub struct Lifecycle(Arc<Inner>);

struct Inner {
    leaving: CancellationToken,
    soft: CancellationToken,
    hard: CancellationToken,
    tracker: TaskTracker,
    running: Mutex<BTreeMap<u64, &'static str>>,
    next_id: AtomicU64,
    crashed: AtomicBool,
    closers: Mutex<Vec<Closer>>,
    budget: Duration,
    delay: Duration,
}

struct Closer {
    name: &'static str,
    budget: Duration,
    close: Pin<Box<dyn Future<Output = ()> + Send>>,
}

/// How a process ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Everything stopped by itself.
    Clean,
    /// Some work had to be abandoned, or a closer ran out of its budget.
    Abandoned,
    /// A task failed, panicked, or ended before it was asked to.
    Crashed,
}

impl From<Outcome> for ExitCode {
    fn from(outcome: Outcome) -> Self {
        match outcome {
            Outcome::Clean => Self::SUCCESS,
            Outcome::Abandoned | Outcome::Crashed => Self::FAILURE,
        }
    }
}

impl Lifecycle {
    /// A lifecycle whose shutdown may take `budget` in all (`BACKEND_SHUTDOWN_TIMEOUT`).
    #[must_use]
    pub fn new(budget: Duration) -> Self {
        Self::with_delay(budget, Duration::ZERO)
    }

    /// The same, of which `delay` passes between a signal and the soft stop (`BACKEND_SHUTDOWN_DELAY`).
    #[must_use]
    pub fn with_delay(budget: Duration, delay: Duration) -> Self {
        Self(Arc::new(Inner {
            leaving: CancellationToken::new(),
            soft: CancellationToken::new(),
            hard: CancellationToken::new(),
            tracker: TaskTracker::new(),
            running: Mutex::default(),
            next_id: AtomicU64::new(0),
            crashed: AtomicBool::new(false),
            closers: Mutex::default(),
            budget,
            delay,
        }))
    }

    /// Fires when the process is about to stop, with the soft stop or before it: it is not ready any more, and goes on.
    #[must_use]
    pub fn leaving(&self) -> CancellationToken {
        self.0.leaving.clone()
    }

    /// Fires when the process stops: take no new work, finish what is under way.
    #[must_use]
    pub fn soft(&self) -> CancellationToken {
        self.0.soft.clone()
    }

    /// Fires when the budget is spent: abandon what is under way.
    #[must_use]
    pub fn hard(&self) -> CancellationToken {
        self.0.hard.clone()
    }

    /// Starts the shutdown, as a signal does: the soft stop follows after the delay, by [`Lifecycle::run_to_end`].
    pub fn leave(&self) {
        self.0.leaving.cancel();
    }

    /// Starts the shutdown with the soft stop, without the delay.
    pub fn stop(&self) {
        self.leave();
        self.0.soft.cancel();
    }

    /// Whether the soft stop has come.
    #[must_use]
    pub fn is_stopping(&self) -> bool {
        self.0.soft.is_cancelled()
    }

    /// Notes a failure that the process must not survive, and starts the shutdown, without the delay: what would serve on
    /// is broken. It will exit non-zero.
    pub fn crash(&self, name: &'static str, error: &anyhow::Error) {
        tracing::error!(task = name, error = format!("{error:#}"), "task failed, the process stops");
        self.0.crashed.store(true, Ordering::SeqCst);
        self.stop();
    }

    /// Runs a task that must live as long as the process. An error, a panic, or an end before the soft stop is a crash:
    /// the process stops softly and exits non-zero.
    pub fn spawn(&self, name: &'static str, fut: impl Future<Output = anyhow::Result<()>> + Send + 'static) {
        self.track(name, fut, true);
    }

    /// Runs a task that may end when its work is done, and that is waited for at the shutdown. An error or a panic is a
    /// crash all the same.
    pub fn spawn_detached_ok(
        &self,
        name: &'static str,
        fut: impl Future<Output = anyhow::Result<()>> + Send + 'static,
    ) {
        self.track(name, fut, false);
    }

    fn track(
        &self,
        name: &'static str,
        fut: impl Future<Output = anyhow::Result<()>> + Send + 'static,
        for_life: bool,
    ) {
        let me = self.clone();
        let id = self.0.next_id.fetch_add(1, Ordering::Relaxed);
        self.0.running.lock().insert(id, name);
        self.0.tracker.spawn(async move {
            let ended = AssertUnwindSafe(fut).catch_unwind().await;
            me.0.running.lock().remove(&id);
            match ended {
                Ok(Ok(())) if for_life && !me.is_stopping() => {
                    me.crash(name, &anyhow::anyhow!("it ended before it was asked to"));
                }
                Ok(Ok(())) => {}
                Ok(Err(error)) => me.crash(name, &error),
                Err(panic) => me.crash(name, &anyhow::anyhow!("it panicked: {}", panic_message(panic.as_ref()))),
            }
        });
    }

    /// Registers something to do once all tasks are gone: flush, then close. Closers run in the order in which they were
    /// registered, each within its budget and all within what is left of the process's.
    pub fn on_shutdown(&self, name: &'static str, budget: Duration, fut: impl Future<Output = ()> + Send + 'static) {
        self.0.closers.lock().push(Closer { name, budget, close: Box::pin(fut) });
    }

    /// Lets SIGTERM and SIGINT start the shutdown, and a second one end the process at once with 143 or 130.
    ///
    /// # Errors
    /// The system's, when handlers cannot be installed.
    pub fn listen_for_signals(&self) -> std::io::Result<()> {
        let mut term = signal(SignalKind::terminate())?;
        let mut int = signal(SignalKind::interrupt())?;
        let me = self.clone();
        tokio::spawn(async move {
            loop {
                let (name, code) = tokio::select! {
                    _ = term.recv() => ("SIGTERM", 143),
                    _ = int.recv() => ("SIGINT", 130),
                };
                if me.0.leaving.is_cancelled() {
                    tracing::warn!(signal = name, "asked to stop again: ending at once");
                    std::process::exit(code);
                }
                let (budget, delay) = (me.0.budget.as_secs_f64(), me.0.delay.as_secs_f64());
                tracing::info!(signal = name, budget_seconds = budget, delay_seconds = delay, "asked to stop");
                me.leave();
            }
        });
        Ok(())
    }

    /// Waits until the process is to end, lets the delay pass, drains the tasks, runs the closers, and says how it went. In
    /// all it takes no longer than the budget, of which the last fifth belongs to the hard stop and the closers.
    pub async fn run_to_end(&self) -> Outcome {
        self.0.leaving.cancelled().await;
        let deadline = Instant::now() + self.0.budget;
        if timeout(self.0.delay, self.0.soft.cancelled()).await.is_err() {
            self.0.soft.cancel();
        }
        let closers = std::mem::take(&mut *self.0.closers.lock());
        // Hanging tasks cannot starve the closers.
        let reserved = self.0.budget / 5;
        let mut clean = self.drain(deadline - reserved, HARD_GRACE.min(reserved / 2)).await;
        for Closer { name, budget, close } in closers {
            let until = (Instant::now() + budget).min(deadline);
            match timeout_at(until, AssertUnwindSafe(close).catch_unwind()).await {
                Ok(Ok(())) => tracing::debug!(closer = name, "closed"),
                Ok(Err(panic)) => {
                    clean = false;
                    tracing::error!(closer = name, panic = panic_message(panic.as_ref()), "closing panicked");
                }
                Err(_) => {
                    clean = false;
                    tracing::warn!(closer = name, "closing ran out of its budget");
                }
            }
        }
        match (self.0.crashed.load(Ordering::SeqCst), clean) {
            (true, _) => Outcome::Crashed,
            (false, true) => Outcome::Clean,
            (false, false) => Outcome::Abandoned,
        }
    }

    /// Waits for the tasks; fires the hard token at `hard_at`, and leaves behind what has not ended `grace` later.
    /// Whether they all ended by themselves.
    async fn drain(&self, hard_at: Instant, grace: Duration) -> bool {
        self.0.tracker.close();
        if timeout_at(hard_at, self.0.tracker.wait()).await.is_ok() {
            self.0.hard.cancel();
            return true;
        }
        let hanging: Vec<&'static str> = self.0.running.lock().values().copied().collect();
        tracing::error!(tasks = hanging.join(", "), "the budget for finishing is spent: abandoning work");
        self.0.hard.cancel();
        if timeout(grace, self.0.tracker.wait()).await.is_err() {
            let hanging: Vec<&'static str> = self.0.running.lock().values().copied().collect();
            tracing::error!(tasks = hanging.join(", "), "tasks do not end: leaving them behind");
        }
        false
    }
}

/// What a panic said.
pub(crate) fn panic_message(panic: &(dyn Any + Send)) -> &str {
    panic
        .downcast_ref::<&'static str>()
        .copied()
        .or_else(|| panic.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("(no message)")
}

/// Sends panics to stderr as plain text, with the thread, the place, and the backtrace where `RUST_BACKTRACE` asks for
/// it. Standard output carries the log's JSON and nothing else.
pub fn install_panic_hook(process: &'static str) {
    std::panic::set_hook(Box::new(move |info| {
        use std::io::Write as _;
        let thread = std::thread::current();
        let place = info.location().map(ToString::to_string).unwrap_or_default();
        let mut text = format!(
            "{process}: panic in thread {} at {place}: {}\n",
            thread.name().unwrap_or("?"),
            info.payload_as_str().unwrap_or("(no message)")
        );
        let backtrace = std::backtrace::Backtrace::capture();
        if backtrace.status() == std::backtrace::BacktraceStatus::Captured {
            text.push_str(&backtrace.to_string());
        }
        let _ = std::io::stderr().lock().write_all(text.as_bytes());
    }));
}

#[cfg(test)]
mod tests {
    use tokio::sync::oneshot;

    use super::*;

    const LONG: Duration = Duration::from_secs(60);

    #[tokio::test(start_paused = true)]
    async fn tasks_that_heed_the_soft_token_end_clean() {
        let lifecycle = Lifecycle::new(LONG);
        let soft = lifecycle.soft();
        lifecycle.spawn("worker", async move {
            soft.cancelled().await;
            Ok(())
        });
        lifecycle.spawn_detached_ok("warm-up", async { Ok(()) });
        lifecycle.stop();
        assert_eq!(lifecycle.run_to_end().await, Outcome::Clean);
        assert!(lifecycle.hard().is_cancelled());
    }

    #[tokio::test(start_paused = true)]
    async fn failing_panicking_and_ending_early_are_crashes() {
        for kind in ["error", "panic", "early"] {
            let lifecycle = Lifecycle::new(LONG);
            lifecycle.spawn("worker", async move {
                match kind {
                    "error" => anyhow::bail!("broken"),
                    "panic" => panic!("boom"),
                    _ => Ok(()),
                }
            });
            assert_eq!(lifecycle.run_to_end().await, Outcome::Crashed, "{kind}");
            assert!(lifecycle.is_stopping());
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_hanging_task_is_stopped_hard_within_the_budget_and_closers_still_run() {
        let lifecycle = Lifecycle::new(Duration::from_secs(10));
        let (told, heard) = oneshot::channel();
        let hard = lifecycle.hard();
        lifecycle.spawn("polite", async move {
            hard.cancelled().await;
            let _ = told.send(());
            Ok(())
        });
        lifecycle.spawn("deaf", std::future::pending());
        let (closed, was_closed) = oneshot::channel();
        lifecycle.on_shutdown("pool", LONG, async move {
            let _ = closed.send(());
        });
        let start = Instant::now();
        lifecycle.stop();
        assert_eq!(lifecycle.run_to_end().await, Outcome::Abandoned);
        assert!(start.elapsed() <= Duration::from_secs(10), "{:?}", start.elapsed());
        heard.await.unwrap();
        was_closed.await.unwrap();
    }

    #[tokio::test(start_paused = true)]
    async fn a_signal_is_followed_by_the_soft_stop_after_the_delay_and_a_crash_at_once() {
        let delay = Duration::from_secs(5);
        for crashes in [false, true] {
            let lifecycle = Lifecycle::with_delay(LONG, delay);
            let (leaving, soft, start) = (lifecycle.leaving(), lifecycle.soft(), Instant::now());
            lifecycle.spawn("worker", {
                let soft = soft.clone();
                async move {
                    soft.cancelled().await;
                    Ok(())
                }
            });
            lifecycle.leave();
            assert!(leaving.is_cancelled() && !soft.is_cancelled() && !lifecycle.is_stopping());
            if crashes {
                let later = lifecycle.clone();
                tokio::spawn(async move {
                    tokio::time::sleep(Duration::from_secs(1)).await;
                    later.crash("worker", &anyhow::anyhow!("broken"));
                });
            }
            let outcome = lifecycle.run_to_end().await;
            let (expected, took) = match crashes {
                false => (Outcome::Clean, delay),
                true => (Outcome::Crashed, Duration::from_secs(1)),
            };
            assert_eq!(outcome, expected);
            let elapsed = start.elapsed();
            assert!(elapsed >= took && elapsed < took + Duration::from_secs(1), "{elapsed:?}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn the_delay_is_a_part_of_the_budget() {
        let lifecycle = Lifecycle::with_delay(Duration::from_secs(10), Duration::from_secs(5));
        lifecycle.spawn("deaf", std::future::pending());
        lifecycle.on_shutdown("stuck", LONG, std::future::pending());
        let start = Instant::now();
        lifecycle.leave();
        assert_eq!(lifecycle.run_to_end().await, Outcome::Abandoned);
        assert!(start.elapsed() <= Duration::from_secs(11), "{:?}", start.elapsed());
    }

    #[tokio::test(start_paused = true)]
    async fn closers_run_in_order_after_the_tasks_and_one_that_hangs_does_not_stop_the_next() {
        let lifecycle = Lifecycle::new(LONG);
        let seen = Arc::new(Mutex::new(Vec::new()));
        let note = |what: &'static str| {
            let seen = Arc::clone(&seen);
            move || seen.lock().push(what)
        };
        let (task, flush, pool) = (note("task"), note("flush"), note("pool"));
        let soft = lifecycle.soft();
        lifecycle.on_shutdown("flush", LONG, async move { flush() });
        lifecycle.on_shutdown("stuck", Duration::from_secs(1), std::future::pending());
        lifecycle.on_shutdown("pool", LONG, async move { pool() });
        lifecycle.spawn("worker", async move {
            soft.cancelled().await;
            tokio::time::sleep(Duration::from_secs(3)).await;
            task();
            Ok(())
        });
        lifecycle.stop();
        assert_eq!(lifecycle.run_to_end().await, Outcome::Abandoned);
        assert_eq!(*seen.lock(), ["task", "flush", "pool"]);
    }
}
