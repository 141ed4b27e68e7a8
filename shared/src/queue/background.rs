//! Tasks that must outlive the others: heartbeat and wake-ups serve work that is still being finished at the soft stop.

use std::{future::Future, panic::AssertUnwindSafe, time::Duration};

use futures::FutureExt as _;
use tokio_util::sync::CancellationToken;

use crate::service::lifecycle::Lifecycle;

/// Spawns a task outside the lifecycle's tracker. It is told to stop, and waited for, once all tracked tasks are gone; a
/// panic before that is a crash of the process like any other task's.
pub(super) fn spawn<F>(
    lifecycle: &Lifecycle,
    name: &'static str,
    budget: Duration,
    make: impl FnOnce(CancellationToken) -> F,
) where
    F: Future<Output = ()> + Send + 'static,
{
    let stop = CancellationToken::new();
    let task = AssertUnwindSafe(make(stop.clone())).catch_unwind();
    let owner = lifecycle.clone();
    let told = stop.clone();
    let handle = tokio::spawn(async move {
        let ended = task.await;
        if ended.is_err() {
            owner.crash(name, &anyhow::anyhow!("it panicked"));
        } else if !told.is_cancelled() {
            owner.crash(name, &anyhow::anyhow!("it ended before it was asked to"));
        }
    });
    lifecycle.on_shutdown(name, budget, async move {
        stop.cancel();
        let _ = handle.await;
    });
}
