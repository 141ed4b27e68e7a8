//! The `main` of every process: arguments and environment, telemetry, probes, then the process's own wiring, then the
//! wait for the end.

use std::{io::Write as _, process::ExitCode, time::Duration};

use anyhow::Context as _;
use clap::error::ErrorKind;

use super::{
    health::{self, Health, SchemaGate},
    lifecycle::{Lifecycle, Outcome, install_panic_hook},
    listen::descriptors,
    ops::OpsListener,
    telemetry,
};
use crate::{
    clock::Clock,
    config::{self, Fault, Group, LifecycleConfig, Loaded, OpsConfig, PostgresConfig, Reader, Source, TelemetryConfig},
    postgres::Db,
    random::Random,
};

/// Exit code for a faulty command line or configuration.
const USAGE: u8 = 2;

/// Threads that run tasks. The work is I/O; two keep one stalled poll from stopping the process, and more would only
/// cost memory (idle bars: 64 MiB for api-server, 32 MiB for a worker).
const WORKER_THREADS: usize = 2;

/// Threads for blocking work: password hashes, name look-ups, files.
const BLOCKING_THREADS: usize = 16;

/// Budgets of the last two steps of a shutdown.
const POOL_BUDGET: Duration = Duration::from_secs(2);
const TELEMETRY_BUDGET: Duration = Duration::from_secs(3);

/// What every process has to be told.
#[derive(Clone, Debug)]
pub struct BaseConfig {
    /// Postgres.
    pub postgres: PostgresConfig,
    /// Logs, traces, metrics.
    pub telemetry: TelemetryConfig,
    /// Probes.
    pub ops: OpsConfig,
    /// Shutdown.
    pub lifecycle: LifecycleConfig,
}

impl Group for BaseConfig {
    fn read(r: &mut Reader) -> Self {
        Self { lifecycle: r.group(), ops: r.group(), postgres: r.group(), telemetry: r.group() }
    }
}

/// A process's whole configuration: what all have, and its own.
#[derive(Debug)]
struct Whole<C> {
    base: BaseConfig,
    own: C,
}

impl<C: Group> Group for Whole<C> {
    fn read(r: &mut Reader) -> Self {
        Self { base: r.group(), own: r.group() }
    }
}

/// Asks for every setting of a process with the configuration `C`: what
/// [`reference`](crate::config::reference) wants, as in `("mail-worker", run::settings::<Config>)`.
pub fn settings<C: Group>(r: &mut Reader) {
    let _ = Whole::<C>::read(r);
}

/// What a process is built from. Everything in it can be cloned or shared.
pub struct Service<C> {
    /// The binary's name.
    pub name: &'static str,
    /// The process's own settings.
    pub config: C,
    /// The settings that all processes have.
    pub base: BaseConfig,
    /// Stops the process; all tasks are spawned on it.
    pub lifecycle: Lifecycle,
    /// Register parts here; `postgres` and `schema` are there already.
    pub health: Health,
    /// Open while the schema fits: workers claim only then.
    pub gate: SchemaGate,
    /// The wall clock.
    pub clock: Clock,
    /// The system's randomness.
    pub random: Random,
    /// Postgres. It may be down: the process starts all the same.
    pub db: Db,
    /// This process among all others, for `workers` rows and logs: binary, host, pid and a random part.
    pub instance: String,
    /// What `/metrics` serves, where the prometheus exporter is on.
    pub registry: Option<prometheus::Registry>,
}

/// Runs a process from its arguments to its exit code.
///
/// `run` wires the process, spawns its tasks on the lifecycle, registers its closers, and returns; the process then lives
/// until a signal or a crash. A shutdown that begins while `run` is still busy drops it.
pub fn main<C: Group>(
    name: &'static str,
    about: &'static str,
    schema_version: i64,
    run: impl AsyncFnOnce(Service<C>) -> anyhow::Result<()>,
) -> ExitCode {
    install_panic_hook(name);
    let mut described = Reader::describe(name);
    settings::<C>(&mut described);
    let matches = match config::command(name, about, &described).try_get_matches() {
        Ok(matches) => matches,
        Err(error) => {
            let _ = error.print();
            let asked = matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion);
            return if asked { ExitCode::SUCCESS } else { ExitCode::from(USAGE) };
        }
    };
    let source = Source::from_env(config::flags(&matches));
    if matches.subcommand_name() == Some("healthcheck") {
        return healthcheck(name, source);
    }
    let loaded = match config::load::<Whole<C>>(name, source) {
        Ok(loaded) => loaded,
        Err(faults) => return faulty(name, &faults),
    };
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(WORKER_THREADS)
        .max_blocking_threads(BLOCKING_THREADS)
        .enable_all()
        .build();
    let runtime = match runtime {
        Ok(runtime) => runtime,
        Err(error) => return failed(name, &format!("cannot start: {error}")),
    };
    let outcome = runtime.block_on(serve(name, schema_version, loaded, run));
    // What still runs now was abandoned, and said so.
    runtime.shutdown_timeout(Duration::from_millis(200));
    match outcome {
        Ok(outcome) => outcome.into(),
        Err(error) => failed(name, &format!("cannot start: {error:#}")),
    }
}

async fn serve<C: Group>(
    name: &'static str,
    schema_version: i64,
    loaded: Loaded<Whole<C>>,
    run: impl AsyncFnOnce(Service<C>) -> anyhow::Result<()>,
) -> anyhow::Result<Outcome> {
    let Loaded { config: Whole { base, own }, warnings, ignored } = loaded;
    let random = Random::system();
    let instance = instance_name(name, &random);
    let telemetry = telemetry::init(&base.telemetry, &instance)?;
    let registry = telemetry.registry();
    for warning in warnings {
        tracing::warn!("{warning}");
    }
    if !ignored.is_empty() {
        tracing::info!(variables = ignored.join(", "), "variables that this process does not read");
    }

    let descriptors = descriptors::raise();
    let lifecycle = Lifecycle::with_delay(base.lifecycle.shutdown_timeout, base.lifecycle.shutdown_delay);
    lifecycle.listen_for_signals().context("signal handlers")?;
    let health = Health::new();
    let db = Db::connect(&base.postgres, &instance);
    let gate = health::watch_schema(&db, &health, schema_version, &lifecycle);
    let ops = OpsListener::start(&base.ops, health.clone(), registry.clone()).await?;
    tracing::info!(
        instance,
        version = env!("CARGO_PKG_VERSION"),
        schema_version,
        descriptors,
        ops = %ops.address(),
        "starting"
    );

    let service = Service {
        name,
        config: own,
        base,
        lifecycle: lifecycle.clone(),
        health: health.clone(),
        gate,
        clock: Clock::system(),
        random,
        db: db.clone(),
        instance,
        registry,
    };
    let leaving = lifecycle.leaving();
    tokio::select! {
        biased;
        wired = run(service) => match wired {
            Ok(()) => tracing::info!("started"),
            Err(error) => lifecycle.crash("start", &error),
        },
        () = leaving.cancelled() => {
            tracing::info!("asked to stop while starting");
            // Nobody was let in yet who would have to hear of it.
            lifecycle.stop();
        }
    }
    lifecycle.on_shutdown("postgres pool", POOL_BUDGET, async move { db.close().await });
    lifecycle.on_shutdown("telemetry", TELEMETRY_BUDGET, telemetry.shutdown(TELEMETRY_BUDGET));

    // Unready first: the soft stop, which closes the listeners, waits for whoever has to hear of it.
    leaving.cancelled().await;
    health.set_stopping();
    let outcome = lifecycle.run_to_end().await;
    tracing::info!(outcome = ?outcome, "stopped");
    drop(ops);
    Ok(outcome)
}

fn healthcheck(name: &'static str, source: Source) -> ExitCode {
    match config::load::<OpsConfig>(name, source) {
        Ok(loaded) => match health::ask_readiness(&loaded.config) {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => failed(name, &format!("{error:#}")),
        },
        Err(faults) => faulty(name, &faults),
    }
}

/// Prints every fault at once.
fn faulty(name: &str, faults: &[Fault]) -> ExitCode {
    let many = if faults.len() == 1 { "a fault".to_owned() } else { format!("{} faults", faults.len()) };
    let mut text = format!("{name}: the configuration has {many}:\n");
    for fault in faults {
        text.push_str(&format!("  {fault}\n"));
    }
    text.push_str(&format!("`{name} --help` lists every setting.\n"));
    let _ = std::io::stderr().lock().write_all(text.as_bytes());
    ExitCode::from(USAGE)
}

fn failed(name: &str, message: &str) -> ExitCode {
    let _ = writeln!(std::io::stderr().lock(), "{name}: {message}");
    ExitCode::FAILURE
}

/// `mail-worker@host:4711-9f3c2a1b`.
fn instance_name(name: &str, random: &Random) -> String {
    let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let host = if host.trim().is_empty() { "localhost" } else { host.trim() };
    format!("{name}@{host}:{}-{}", std::process::id(), hex::encode(random.bytes::<4>()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_default_of_the_base_parses_and_is_documented() {
        let text = config::reference(&[("one", settings::<()>), ("two", settings::<()>)]);
        for name in
            ["BACKEND_POSTGRES_DSN", "BACKEND_OPS_LISTEN_ADDR", "BACKEND_SHUTDOWN_TIMEOUT", "BACKEND_LOGGING_LEVEL"]
        {
            assert!(text.contains(&format!("`{name}`")), "{name}");
        }
    }

    #[test]
    fn the_command_line_is_sound() {
        let mut described = Reader::describe("test");
        settings::<()>(&mut described);
        config::command("test", "about", &described).debug_assert();
    }

    #[test]
    fn instances_are_told_apart() {
        let random = Random::system();
        assert_ne!(instance_name("x", &random), instance_name("x", &random));
    }
}
