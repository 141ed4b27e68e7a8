//! Turns notifications into client events and mails (SPEC §13). `docs/notifications.md` has the states and what can fail.

pub mod config;
pub mod dispatch;
pub mod expand;
pub mod hub;
pub mod metrics;

use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;

use shared::queue::{Settings, WorkerDeps, run};
use shared::service::health::{Health, PartKind};

use crate::config::NotifyConfig;
use crate::dispatch::Dispatch;
use crate::expand::Expand;
use crate::hub::Hub;
use crate::metrics::Metrics;

/// Sizes and pauses that no operator needs to set; the defaults are the product's, tests take others.
#[derive(Clone, Copy, Debug)]
pub struct Tuning {
    /// Most recipients in one transaction.
    pub chunk: NonZeroU32,
    /// Most notifications worked together.
    pub expand_batch: usize,
    /// Most routes worked together.
    pub dispatch_batch: usize,
    /// Upper bound of the first retry's pause.
    pub backoff_base: Duration,
}

impl Default for Tuning {
    fn default() -> Self {
        Self {
            chunk: expand::CHUNK,
            expand_batch: expand::BATCH,
            dispatch_batch: dispatch::BATCH,
            backoff_base: Duration::from_secs(1),
        }
    }
}

/// Starts both queues and the watch on the hub. Returns at once; everything runs on the lifecycle of `deps`.
///
/// # Errors
/// When the hub's URL or token cannot be used as such.
pub fn start(config: &NotifyConfig, tuning: Tuning, deps: &WorkerDeps, health: &Health) -> anyhow::Result<()> {
    let part = health.part("hub", PartKind::Degraded);
    let hub = Hub::new(&config.hub, deps.random.clone(), part).context("BACKEND_PUSH_HUB_URL")?;
    let hub = Arc::new(hub);
    let metrics = Metrics::new();
    let settings = Settings {
        slots: config.concurrency,
        max_attempts: config.max_attempts,
        backoff_base: tuning.backoff_base,
        scan_interval: config.worker_interval,
        retention: config.retention,
        ..Settings::default()
    };
    let expand = Expand {
        db: deps.db.clone(),
        waker: deps.waker.clone(),
        admin_email: config.admin_email.is_some(),
        chunk: tuning.chunk,
        metrics: metrics.clone(),
    };
    let dispatch = Dispatch {
        hub: Arc::clone(&hub),
        waker: deps.waker.clone(),
        admin_email: config.admin_email.clone(),
        style: config.style.clone(),
        metrics,
    };
    run(
        Arc::new(expand),
        Settings { batch: tuning.expand_batch, attempt_limit: expand::ATTEMPT_LIMIT, ..settings.clone() },
        deps,
    );
    run(
        Arc::new(dispatch),
        Settings { batch: tuning.dispatch_batch, attempt_limit: dispatch::ATTEMPT_LIMIT, ..settings },
        deps,
    );
    let (waker, stop) = (deps.waker.clone(), deps.lifecycle.soft());
    deps.lifecycle.spawn("hub watch", async move {
        hub.watch(waker, stop).await;
        Ok(())
    });
    Ok(())
}
