//! The runtime-controller: container jobs, the turn timer, and the watch over running engines (SPEC §8).
//! `docs/runtime.md` has its state machines and failure tables.
//!
//! [`start`] builds it from parts, so that tests run it in their own process; [`run`] is what `main` gives to the frame.

pub mod config;
pub mod driver;
pub mod engines;
pub mod jobs;
pub mod metrics;
pub mod outcome;
pub mod schedule;
pub mod sweep;
pub mod watch;

use std::sync::Arc;
use std::time::Duration;

use shared::engine_client::{EngineClient, Timeouts};
use shared::queue::{self, Settings, Worker, WorkerDeps};
use shared::service::health::{Health, PartHandle, PartKind};
use shared::service::run::Service;
use tokio::time::sleep;

use self::config::{Config, DriverKind};
use self::driver::docker::DockerDriver;
use self::driver::process::ProcessDriver;
use self::driver::{Driver, DriverError};
use self::engines::Engines;
use self::jobs::Jobs;
use self::metrics::Metrics;
use self::outcome::Outcomes;
use self::schedule::Turns;

/// How often a daemon that does not answer is asked again at start.
const MEET_AGAIN: Duration = Duration::from_secs(1);
/// An attempt at a job may take this long beyond its engine calls: a pull of a big image, most of all.
const JOB_LIMIT: Duration = Duration::from_secs(30 * 60);
/// An attempt at a turn may take this long beyond its engine calls: fetching all reports of a long game.
const TURN_LIMIT: Duration = Duration::from_secs(10 * 60);

/// Starts the controller. Returns at once: it begins its work when the daemon answers, and waits for that as long as it
/// takes. Everything runs on the lifecycle of `deps`.
///
/// # Errors
/// When the HTTP client cannot be set up.
pub fn start(config: &Config, deps: WorkerDeps, health: &Health) -> anyhow::Result<()> {
    let part = health.part("docker", PartKind::Degraded);
    let driver: Arc<dyn Driver> = match config.driver {
        DriverKind::Docker => Arc::new(DockerDriver::new(config)),
        DriverKind::Process => {
            tracing::warn!(
                "BACKEND_RUNTIME_DRIVER=process: engines run as plain processes of this user, WITHOUT ANY ISOLATION. \
                 For a laptop only; never run an engine that you do not trust."
            );
            Arc::new(ProcessDriver::new(config, deps.random.clone()))
        }
    };
    let client = EngineClient::new(Timeouts { call: config.call_timeout, probe: config.probe_timeout })?;
    let (config, lifecycle) = (config.clone(), deps.lifecycle.clone());
    // Enrolments end and old entries go whether or not a daemon answers.
    let sweeper = sweep::Sweeper {
        db: deps.db.clone(),
        gate: deps.gate.clone(),
        waker: deps.waker.clone(),
        random: deps.random.clone(),
        interval: config.sweeper_interval,
        retention: config.retention,
        abandoned_ttl: config.abandoned_ttl,
        pending_registration_ttl: config.pending_registration_ttl,
    };
    lifecycle.spawn("lobby sweeper", sweeper.run(lifecycle.soft()));
    lifecycle.clone().spawn("runtime", async move {
        let stop = lifecycle.soft();
        let daemon_id = tokio::select! {
            id = meet(&*driver, &part) => id,
            () = stop.cancelled() => return Ok(()),
        };
        let engines = Arc::new(Engines {
            driver,
            daemon_id: daemon_id.clone(),
            client,
            db: deps.db.clone(),
            metrics: Metrics::new(),
            tuning: config.tuning.clone(),
            random: deps.random.clone(),
            reviving: engines::Reviving::default(),
        });
        let outcomes = Outcomes {
            daemon_id,
            pending_registration_ttl: config.pending_registration_ttl,
            turn_spread: config.turn_spread,
        };
        let mender = schedule::Mender {
            engines: Arc::clone(&engines),
            turn_spread: config.turn_spread,
            waker: deps.waker.clone(),
            gate: deps.gate.clone(),
        };
        lifecycle.spawn("turn timers", mender.run(stop.clone()));
        start_queues(&config, &deps, &engines, outcomes);
        watch::run(engines, part, stop).await
    });
    Ok(())
}

fn start_queues(config: &Config, deps: &WorkerDeps, engines: &Arc<Engines>, outcomes: Outcomes) {
    let tuning = &config.tuning;
    let settings = Settings {
        slots: config.slots,
        batch: 1,
        attempt_limit: JOB_LIMIT + config.call_timeout * 2,
        max_attempts: tuning.job_attempts,
        backoff_base: tuning.backoff_base,
        backoff_cap: tuning.backoff_cap,
        scan_interval: tuning.scan_interval,
        retention: config.retention,
        ..Settings::default()
    };
    let jobs = Jobs {
        engines: Arc::clone(engines),
        outcomes: outcomes.clone(),
        waker: deps.waker.clone(),
        max_attempts: tuning.job_attempts,
    };
    let turns =
        Turns { engines: Arc::clone(engines), outcomes, waker: deps.waker.clone(), max_attempts: tuning.turn_attempts };
    queue::run(Arc::new(jobs), settings.clone(), deps);
    queue::run(
        Arc::new(turns),
        Settings {
            attempt_limit: TURN_LIMIT + config.call_timeout * 2,
            max_attempts: tuning.turn_attempts,
            // The timers are the games' own rows: they stay.
            retention: Duration::ZERO,
            ..settings
        },
        deps,
    );
}

/// Asks the daemon for its id until it answers.
async fn meet(driver: &dyn Driver, part: &PartHandle) -> String {
    let mut said: Option<DriverError> = None;
    loop {
        match driver.daemon_id().await {
            Ok(id) => {
                part.set_ok();
                tracing::info!(driver = driver.name(), daemon_id = id, "the daemon answers");
                return id;
            }
            Err(error) => {
                part.set_failed(error.to_string());
                if said.as_ref() != Some(&error) {
                    tracing::warn!(%error, "the daemon does not answer yet: nothing is started or generated here");
                    said = Some(error);
                }
            }
        }
        sleep(MEET_AGAIN).await;
    }
}

/// Wires the process.
///
/// # Errors
/// See [`start`].
pub async fn run(service: Service<Config>) -> anyhow::Result<()> {
    let Service { name, config, base, lifecycle, health, gate, random, db, instance, .. } = service;
    let (waker, listener) = queue::wake::start(&base.postgres, &lifecycle, &random);
    let worker = Worker::start(&db, name, &instance, &lifecycle, &random);
    worker.report(&health, &lifecycle);
    let deps = WorkerDeps { db, worker, waker, listener, lifecycle, random, gate };
    start(&config, deps, &health)
}
