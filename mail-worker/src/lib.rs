//! The mail worker: takes mails out of the outbox and hands them to the SMTP relay (SPEC §11; `docs/mail.md`).
//!
//! [`start`] builds it from parts, so that tests run it in their own process; [`run`] is what `main` gives to the frame.

mod challenges;
mod circuit;
mod config;
mod deliver;
mod header;
mod lines;
mod marks;
mod message;
mod outbox;
mod pace;
mod recipients;
mod smtp;

use std::sync::Arc;
use std::time::Duration;

use shared::queue::{self, Settings, Worker, WorkerDeps};
use shared::service::health::{Health, PartKind, SchemaGate};
use shared::service::run::Service;

pub use config::{Config, Login, OutboxConfig, SmtpConfig, TlsMode};
pub use outbox::SPEC;

use circuit::Circuit;
use deliver::Mailer;
use lines::Lines;
use marks::Marks;
use message::Composer;
use outbox::Outbox;
use pace::Pace;
use smtp::Pool;

/// Mails of a process for each connection: one that is on it, others that wait for it or for their finish to be written. Claims
/// and finishes are commits, which take far longer than a dialogue with a relay nearby.
const SLOTS: usize = 6;
/// Farewells to the relay at the end.
const FAREWELL: Duration = Duration::from_secs(2);

/// How the outbox is worked with this configuration.
#[must_use]
pub fn settings(config: &Config) -> Settings {
    Settings {
        slots: config.outbox.concurrency * SLOTS,
        batch: 1,
        // Waiting for a connection, connecting anew, the steps before DATA, and the message: the dialogue's own limits end it
        // well before.
        attempt_limit: config.smtp.timeout * 21 + Duration::from_secs(10),
        max_attempts: config.outbox.max_attempts,
        // Eight tries span at least a day (SPEC §11): three quarters of 30 s, 2 min, 8 min, 32 min, 2.1 h, 8.5 h and 24 h are
        // 26 h. Greylisting, full mailboxes and hourly quotas end sooner.
        backoff_base: Duration::from_secs(30),
        backoff_growth: 4,
        backoff_cap: Duration::from_secs(24 * 3600),
        backoff_floor: 0.75,
        scan_interval: config.outbox.interval,
        retention: config.outbox.retention,
    }
}

/// Starts working the outbox. Returns at once; the work runs on the lifecycle of `deps`.
///
/// # Errors
/// When TLS cannot be set up (no usable root certificates), or the sender's address is none.
pub fn start(config: &Config, settings: Settings, mut deps: WorkerDeps, health: &Health) -> anyhow::Result<()> {
    let lifecycle = deps.lifecycle.clone();
    let pool = Pool::new(&config.smtp, config.outbox.concurrency)?;
    let circuit = Circuit::new(deps.random.clone(), health.part("smtp", PartKind::Degraded));
    let sweep = challenges::sweep(
        config.challenge_retention,
        deps.db.clone(),
        deps.gate.clone(),
        deps.random.clone(),
        lifecycle.soft(),
    );
    lifecycle.spawn("challenge retention", async {
        sweep.await;
        Ok(())
    });
    deps.gate = SchemaGate::following(circuit::behind(deps.gate.watch(), &circuit, lifecycle.soft()));
    let (marks, writer) = Marks::new(deps.db.clone());
    let (hard, writing) = (lifecycle.hard(), writer.run());
    // Mails that are under way at the soft stop still need it; it ends with the last that could.
    lifecycle.spawn("marks before DATA", async move {
        hard.run_until_cancelled(writing).await;
        Ok(())
    });
    let pace = Arc::new(Pace::new(config.smtp.rate));
    if config.smtp.rate.is_some() {
        let sharing = Arc::clone(&pace).share(deps.db.clone(), deps.worker.clone(), lifecycle.soft());
        lifecycle.spawn("part of the rate", async {
            sharing.await;
            Ok(())
        });
    }
    let mailer = Mailer {
        db: deps.db.clone(),
        marks,
        lines: Lines::new(config.outbox.concurrency),
        pace,
        patience: config.smtp.timeout,
        pool: Arc::clone(&pool),
        circuit: Arc::clone(&circuit),
        composer: Composer::new(config.smtp.from.clone(), config.smtp.unsubscribe.clone())?,
        settings: settings.clone(),
        random: deps.random.clone(),
    };
    queue::run(Arc::new(Outbox::new(mailer, deps.waker.clone())), settings, &deps);

    let (soft, probed) = (lifecycle.soft(), Arc::clone(&pool));
    lifecycle.spawn("relay probe", async move {
        circuit.tend(&probed, soft).await;
        Ok(())
    });
    let (soft, tended) = (lifecycle.soft(), Arc::clone(&pool));
    lifecycle.spawn("relay connections", async move {
        tended.tend(soft).await;
        Ok(())
    });
    lifecycle.on_shutdown("relay connections", FAREWELL, async move { pool.close_idle(Duration::ZERO).await });
    Ok(())
}

/// Wires the process.
///
/// # Errors
/// See [`start`].
pub async fn run(service: Service<Config>) -> anyhow::Result<()> {
    let Service { config, base, lifecycle, health, gate, random, db, instance, name, .. } = service;
    let (waker, listener) = queue::wake::start(&base.postgres, &lifecycle, &random);
    let worker = Worker::start(&db, name, &instance, &lifecycle, &random);
    worker.report(&health, &lifecycle);
    let deps = WorkerDeps { db, worker, waker, listener, lifecycle, random, gate };
    start(&config, settings(&config), deps, &health)
}
