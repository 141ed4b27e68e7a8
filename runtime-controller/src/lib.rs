//! The runtime-controller: container jobs, the turn timer, and the reconciler that looks after running engines
//! (SPEC §8). `docs/runtime.md` and `docs/reconciler.md` have their state machines and failure tables.
//!
//! [`start`] builds it from parts, so that tests run it in their own process; [`run`] is what `main` gives to the frame.

pub mod ask;
pub mod config;
pub mod driver;
pub mod engines;
pub mod jobs;
pub mod lanes;
pub mod metrics;
pub mod outcome;
pub mod reconcile;
pub mod schedule;
pub mod state_watch;
pub mod stats;
pub mod sweep;

use std::sync::Arc;
use std::time::Duration;

use shared::config::DriverKind;
use shared::engine_client::{EngineClient, EngineError, LONGEST_WAIT};
use shared::queue::{self, Settings, Worker, WorkerDeps};
use shared::random::Random;
use shared::service::health::{Health, PartHandle, PartKind};
use shared::service::listen::Budget;
use shared::service::run::Service;
use tokio::time::sleep;

use self::config::Config;
use self::driver::docker::DockerDriver;
use self::driver::kubernetes::KubernetesDriver;
use self::driver::process::ProcessDriver;
use self::driver::{Driver, DriverError};
use self::engines::Engines;
use self::jobs::Jobs;
use self::lanes::Lane;
use self::metrics::Metrics;
use self::outcome::Outcomes;
use self::reconcile::{Reconciler, Told};
use self::schedule::Turns;

/// How often a daemon that does not answer is asked again at start.
const MEET_AGAIN: Duration = Duration::from_secs(1);
/// An attempt at a job may take this long beyond its engine calls: a pull of a big image, most of all.
const JOB_LIMIT: Duration = Duration::from_secs(30 * 60);
/// An attempt at a turn may take this long beyond its engine calls: fetching all reports of a long game.
const TURN_LIMIT: Duration = Duration::from_secs(10 * 60);

/// Bytes of engines' answers that are being read, in all: what a hundred engines say at once must not be the end of the process.
const ENGINE_BYTES: usize = 24 << 20;
/// Those of one engine: a report of the greatest length that may be set.
const ONE_ENGINES_BYTES: usize = 16 << 20;

/// What engines are called through.
fn engine_client(config: &Config) -> Result<EngineClient, EngineError> {
    Ok(EngineClient::limited(&config.engine)?.with_room(Budget::new(ENGINE_BYTES, ONE_ENGINES_BYTES)))
}

/// Starts the controller. Returns at once: it begins its work when the daemon answers, and waits for that as long as it
/// takes. Everything runs on the lifecycle of `deps`.
///
/// # Errors
/// When the HTTP client cannot be set up.
pub fn start(config: &Config, deps: WorkerDeps, health: &Health) -> anyhow::Result<()> {
    let driver = driver(config, &deps.random);
    let part = part(&*driver, health);
    let client = engine_client(config)?;
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
        pending_registration_ttl: config.rules.pending_registration_ttl,
    };
    lifecycle.spawn("lobby sweeper", sweeper.run(lifecycle.soft()));
    let stats = stats::MinuteStats { db: deps.db.clone(), gate: deps.gate.clone(), random: deps.random.clone() };
    lifecycle.spawn("minute statistics", stats.run(lifecycle.soft()));
    lifecycle.clone().spawn("runtime", async move {
        let stop = lifecycle.soft();
        let daemon_id = tokio::select! {
            id = meet(&*driver, &part) => id,
            () = stop.cancelled() => return Ok(()),
        };
        let (engines, outcomes) = work(&config, &deps, client, driver, daemon_id.clone());
        let states = state_watch::StateWatch {
            engines: Arc::clone(&engines),
            outcomes: outcomes.clone(),
            state_root: config.state_root.clone(),
            limit: config.state_limit,
            gate: deps.gate.clone(),
            waker: deps.waker.clone(),
        };
        // On Kubernetes they are volumes that nobody here has.
        if config.driver != DriverKind::Kubernetes {
            lifecycle.spawn("state directories", states.run(lifecycle.soft()));
        }
        let mender = schedule::Mender {
            engines: Arc::clone(&engines),
            turn_spread: config.rules.turn_spread,
            waker: deps.waker.clone(),
            gate: deps.gate.clone(),
        };
        lifecycle.spawn("turn timers", mender.run(stop.clone()));
        let (interval, grace) = (config.reconcile_interval, config.orphan_grace);
        let reconciler = Reconciler::new(engines, outcomes, deps.waker.clone(), interval, grace);
        let (gate, oracle) = (deps.gate.clone(), Arc::new(Told(Arc::clone(&reconciler))));
        let desk = ask::Desk { daemon_id, deps: deps.clone(), oracle };
        deps.lifecycle.spawn("questions", desk.run(stop.clone()));
        reconciler.run(gate, part, stop).await
    });
    Ok(())
}

/// The driver that is set.
fn driver(config: &Config, random: &Random) -> Arc<dyn Driver> {
    match config.driver {
        DriverKind::Docker => Arc::new(DockerDriver::new(config)),
        DriverKind::Kubernetes => Arc::new(KubernetesDriver::new(config)),
        DriverKind::Process => {
            tracing::warn!(
                "BACKEND_RUNTIME_DRIVER=process: engines run as plain processes of this user, WITHOUT ANY ISOLATION. \
                 For a laptop only; never run an engine that you do not trust."
            );
            Arc::new(ProcessDriver::new(config, random.clone()))
        }
    }
}

/// The part of the health that tells how the driver is. It has the driver's name.
fn part(driver: &dyn Driver, health: &Health) -> PartHandle {
    health.part(driver.name(), PartKind::Degraded)
}

/// Works jobs and turns of one daemon, and looks after nothing: that is the reconciler's, which [`start`] adds.
pub fn work(
    config: &Config,
    deps: &WorkerDeps,
    client: EngineClient,
    driver: Arc<dyn Driver>,
    daemon_id: String,
) -> (Arc<Engines>, Outcomes) {
    let mut tuning = config.tuning.clone();
    if config.driver == DriverKind::Kubernetes {
        // Bringing an engine back waits for a node and for the image there: nobody else brings it back meanwhile.
        tuning.revivals.claim = tuning.pull_silence;
    }
    let engines = Arc::new(Engines {
        driver,
        daemon_id: daemon_id.clone(),
        client,
        db: deps.db.clone(),
        metrics: Metrics::new(),
        tuning,
        random: deps.random.clone(),
        reviving: engines::Reviving::default(),
    });
    let outcomes = Outcomes {
        daemon_id,
        pending_registration_ttl: config.rules.pending_registration_ttl,
        turn_spread: config.rules.turn_spread,
    };
    start_queues(config, deps, &engines, outcomes.clone());
    (engines, outcomes)
}

fn start_queues(config: &Config, deps: &WorkerDeps, engines: &Arc<Engines>, outcomes: Outcomes) {
    let tuning = &config.tuning;
    let settings = Settings {
        slots: config.slots,
        batch: 1,
        attempt_limit: JOB_LIMIT + config.engine.call * 2,
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
        not_now: not_now(tuning),
        lane: Lane::new(tuning.job_lane, tuning.slow_after),
    };
    let turn_settings = turn_settings(config, &settings);
    let turns = Turns {
        engines: Arc::clone(engines),
        outcomes,
        waker: deps.waker.clone(),
        settings: turn_settings.clone(),
        lane: Lane::new(tuning.turn_lane, tuning.slow_after),
        dropping: Arc::default(),
    };
    queue::run(Arc::new(jobs), settings, deps);
    queue::run(Arc::new(turns), turn_settings, deps);
}

/// The pauses of a job whose engine says "not now".
fn not_now(tuning: &config::Tuning) -> Settings {
    Settings {
        backoff_base: tuning.job_not_now,
        backoff_growth: tuning.turn_backoff_growth,
        backoff_cap: LONGEST_WAIT,
        backoff_floor: 0.75,
        ..Settings::default()
    }
}

/// How turns differ from jobs.
fn turn_settings(config: &Config, jobs: &Settings) -> Settings {
    let tuning = &config.tuning;
    Settings {
        slots: tuning.turn_slots,
        attempt_limit: TURN_LIMIT + config.engine.call * 2,
        max_attempts: tuning.turn_attempts,
        backoff_base: tuning.turn_backoff_base,
        backoff_growth: tuning.turn_backoff_growth,
        // The budget is spent before the growth gets anywhere near it.
        backoff_cap: Duration::from_secs(3600),
        // Attempts that came together would else end together.
        backoff_floor: 0.75,
        // The timers are the games' own rows: they stay.
        retention: Duration::ZERO,
        ..jobs.clone()
    }
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

#[cfg(test)]
mod tests {
    use shared::config::{Group as _, Reader};
    use shared::queue::backoff::delay;

    use super::*;

    /// R19 of the review: an engine that was busy for five seconds paused a daily game.
    #[test]
    fn attempts_at_a_turn_begin_again_soon_and_span_minutes() {
        let config =
            Config { tuning: config::Tuning::default(), ..Config::read(&mut Reader::describe("runtime-controller")) };
        let settings = turn_settings(&config, &Settings::default());
        for seed in 0..200 {
            let random = Random::seeded(seed);
            let pauses: Vec<Duration> =
                (1..settings.max_attempts).map(|failures| delay(&random, &settings, failures)).collect();
            assert!(pauses[0] <= Duration::from_secs(2), "{pauses:?}");
            assert!(pauses[0] + pauses[1] >= Duration::from_secs(5), "busy for five seconds is borne: {pauses:?}");
            let all: Duration = pauses.iter().sum();
            assert!(all >= Duration::from_secs(220) && all <= Duration::from_secs(330), "{all:?}");
            assert!(pauses.is_sorted(), "{pauses:?}");
        }
    }

    #[test]
    fn a_job_whose_engine_says_not_now_asks_again_over_minutes() {
        let tuning = config::Tuning::default();
        let settings = not_now(&tuning);
        for seed in 0..200 {
            let random = Random::seeded(seed);
            let pauses: Vec<Duration> = (1..tuning.job_attempts).map(|n| delay(&random, &settings, n)).collect();
            assert!(pauses.is_sorted() && pauses[0] <= Duration::from_secs(5), "{pauses:?}");
            let all: Duration = pauses.iter().sum();
            assert!(all >= Duration::from_secs(110) && all <= Duration::from_secs(160), "{all:?}");
            // Nobody takes them for what a clock that was ahead has left.
            assert!(pauses.iter().all(|pause| *pause < tuning.longest_wait()), "{pauses:?}");
        }
        assert!(tuning.longest_wait() > settings.backoff_cap);
    }

    /// A hundred engines that stop one byte before the end of a megabyte were the end of the process.
    #[test]
    fn the_answers_of_all_engines_have_less_memory_than_a_controller_may_take() {
        let config = Config::read(&mut Reader::describe("runtime-controller"));
        let client = engine_client(&config).unwrap();
        let room = client.room().expect("there is an end of it");
        let all: Vec<_> = (0..100).map_while(|n| room.take(&format!("http://{n}"), 1 << 20).ok()).collect();
        assert!((16..=32).contains(&all.len()), "{} MiB", all.len());
        drop(all);
        assert!(room.take(&"http://one".to_owned(), 16 << 20).is_ok(), "the longest report that may be set");
    }

    #[test]
    fn the_part_of_each_driver_is_named_after_it() {
        let mut config = Config::read(&mut Reader::describe("runtime-controller"));
        for kind in DriverKind::ALL {
            config.driver = *kind;
            let health = Health::new();
            part(&*driver(&config, &Random::seeded(1)), &health).set_ok();
            let parts = health.report().parts;
            assert_eq!(parts.iter().map(|part| part.name).collect::<Vec<_>>(), [kind.as_str()]);
        }
    }
}
