//! The process: reads its configuration, wires itself, runs.

use std::process::ExitCode;

use notify_worker::Tuning;
use notify_worker::config::NotifyConfig;
use shared::queue::{Worker, WorkerDeps, wake};
use shared::service::run::{Service, main as run};

fn main() -> ExitCode {
    run("notify-worker", "Turns notifications into client events and mails.", shared::SCHEMA_VERSION, wire)
}

async fn wire(service: Service<NotifyConfig>) -> anyhow::Result<()> {
    let Service { name, config, base, lifecycle, health, gate, random, db, instance, .. } = service;
    let (waker, listener) = wake::start(&base.postgres, &lifecycle, &random);
    let worker = Worker::start(&db, name, &instance, &lifecycle, &random);
    worker.report(&health, &lifecycle);
    let deps = WorkerDeps { db, worker, waker, listener, lifecycle, random, gate };
    notify_worker::start(&config, Tuning::default(), &deps, &health)
}
