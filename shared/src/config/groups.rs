//! The settings that every process has, but for Postgres and credentials, and those of api-server and runtime-controller both.

use std::time::Duration;

use super::{Group, ListenAddr, Reader, parse};
use crate::domain::image_reference::AllowedRegistries;
use crate::domain::word::words;

/// Budget of the whole shutdown.
#[derive(Clone, Debug)]
pub struct LifecycleConfig {
    /// From SIGTERM to the end of the process.
    pub shutdown_timeout: Duration,
    /// Of it: from SIGTERM, which makes the process unready, to the soft stop.
    pub shutdown_delay: Duration,
}

impl Group for LifecycleConfig {
    fn read(r: &mut Reader) -> Self {
        r.section("Process");
        let shutdown_timeout = r.optional(
            "BACKEND_SHUTDOWN_TIMEOUT",
            "30s",
            "Budget of the whole shutdown, from SIGTERM to exit: work still going on after it is abandoned.",
            parse::positive_duration,
        );
        let shutdown_delay = r.optional(
            "BACKEND_SHUTDOWN_DELAY",
            "0s",
            "How long a process goes on serving after SIGTERM has made it unready, until whoever spreads calls over replicas has \
             heard of it. Part of BACKEND_SHUTDOWN_TIMEOUT: at most half of it. For api-server behind a balancer: 5s; workers are \
             called by nobody.",
            parse::duration,
        );
        if shutdown_delay > shutdown_timeout / 2 {
            // What is under way then must still have time to end.
            r.fault("BACKEND_SHUTDOWN_DELAY", "must be at most half of BACKEND_SHUTDOWN_TIMEOUT, which includes it");
        }
        Self { shutdown_timeout, shutdown_delay }
    }
}

/// The listener for probes and metrics.
#[derive(Clone, Debug)]
pub struct OpsConfig {
    /// Where probes and, with the prometheus exporter, `/metrics` are served.
    pub listen_addr: ListenAddr,
}

impl Group for OpsConfig {
    fn read(r: &mut Reader) -> Self {
        r.section("Process");
        r.alias("BACKEND_OPS_LISTEN_ADDR", "BACKEND_OTEL_PROMETHEUS_LISTEN_ADDR");
        Self {
            listen_addr: r.optional(
                "BACKEND_OPS_LISTEN_ADDR",
                ":9100",
                "Listener for probes (`/healthz`, `/readyz`) and, with the prometheus exporter, `/metrics`.",
                ListenAddr::parse,
            ),
        }
    }
}

/// Limits of calls to engines.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EngineLimits {
    /// From the first byte of a write to the last of its answer: init, turn, banish, command, order.
    pub call: Duration,
    /// From the first byte of a read to the last of its answer: healthz, status, report.
    pub probe: Duration,
    /// The longest report, in bytes.
    pub report: u64,
}

impl Group for EngineLimits {
    fn read(r: &mut Reader) -> Self {
        r.section("Engines");
        Self {
            call: r.optional(
                "BACKEND_ENGINE_CALL_TIMEOUT",
                "60s",
                "Limit of one write to an engine: init, turn, banish, command, order.",
                parse::positive_duration,
            ),
            probe: r.optional(
                "BACKEND_ENGINE_PROBE_TIMEOUT",
                "5s",
                "Limit of one read from an engine: status, report, healthz.",
                parse::positive_duration,
            ),
            report: r.optional(
                "BACKEND_RUNTIME_REPORT_LIMIT",
                "1MiB",
                "The longest report that is taken from an engine, 1KiB to 16MiB. A finished game ends without longer ones.",
                report_limit,
            ),
        }
    }
}

/// A size that a report may sensibly have, and that fits beside others into a process.
fn report_limit(value: &str) -> Result<u64, String> {
    let bytes = parse::size(value)?;
    let sensible = (1 << 10)..=(16 << 20);
    if sensible.contains(&bytes) { Ok(bytes) } else { Err(format!("{value:?} is not between 1KiB and 16MiB")) }
}

words! {
    /// Which driver runs engines. Its text is the setting's value, the driver's name, and that of its part in the health.
    DriverKind, "driver" {
        /// Containers of a Docker daemon.
        Docker = "docker",
        /// Child processes on loopback, for a machine without Docker. No isolation.
        Process = "process",
        /// Pods of a Kubernetes cluster.
        Kubernetes = "kubernetes",
    }
}

/// What an engine may be made from: api-server asks when a version is registered, runtime-controller when it is fetched.
#[derive(Clone, Debug)]
pub struct EngineSource {
    /// What runs engines, and so what an image is: a reference, or the path of a binary.
    pub driver: DriverKind,
    /// Where references may point to.
    pub registries: AllowedRegistries,
}

impl Group for EngineSource {
    fn read(r: &mut Reader) -> Self {
        r.section("Engines");
        Self {
            driver: r.optional(
                "BACKEND_RUNTIME_DRIVER",
                DriverKind::Docker.as_str(),
                "What runs engines: `docker`, `kubernetes`, or `process` for a machine without either (no isolation). With \
                 `process` an engine's image is the path of a binary, else a reference.",
                driver,
            ),
            registries: r.optional(
                "BACKEND_RUNTIME_ALLOWED_REGISTRIES",
                "",
                "Registries that engines' images may come from, comma-separated hosts with a port where they have one \
                 (`docker.io` for names without a registry); empty: any.",
                AllowedRegistries::parse,
            ),
        }
    }
}

fn driver(value: &str) -> Result<DriverKind, String> {
    let words: Vec<_> = DriverKind::ALL.iter().map(|kind| (kind.as_str(), *kind)).collect();
    parse::one_of(value, &words)
}

/// When turns are due, and what follows on a game's end: api-server and runtime-controller both set timers and end games.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GameRules {
    /// Each game keeps a stable offset within it.
    pub turn_spread: Duration,
    /// How long the race names of a game that is ended may be registered.
    pub pending_registration_ttl: Duration,
}

impl Group for GameRules {
    fn read(r: &mut Reader) -> Self {
        r.section("Lobby");
        Self {
            turn_spread: r.optional(
                "BACKEND_RUNTIME_TURN_SPREAD",
                "0s",
                "Games of the same schedule are spread over this time, each with a stable offset.",
                parse::duration,
            ),
            pending_registration_ttl: r.optional(
                "BACKEND_LOBBY_PENDING_REGISTRATION_TTL",
                "720h",
                "How long a finished game's race names may be registered.",
                parse::positive_duration,
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::super::{Source, load};
    use super::*;

    #[test]
    fn a_driver_is_one_of_three_however_it_is_written() {
        for kind in DriverKind::ALL {
            assert_eq!(driver(kind.as_str()), Ok(*kind));
            assert_eq!(driver(&kind.as_str().to_uppercase()), Ok(*kind));
        }
        assert_eq!(driver("podman"), Err("\"podman\" is not one of docker, process, kubernetes".to_owned()));
    }

    #[test]
    fn the_delay_is_a_part_of_the_shutdowns_budget_that_leaves_the_greater_one() {
        let read = |pairs: &[(&str, &str)]| {
            let env = pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
            let loaded = load::<LifecycleConfig>("test", Source::new(BTreeMap::new(), env));
            loaded.map(|loaded| (loaded.config.shutdown_delay.as_secs(), loaded.config.shutdown_timeout.as_secs()))
        };
        let (delay, timeout) = ("BACKEND_SHUTDOWN_DELAY", "BACKEND_SHUTDOWN_TIMEOUT");
        assert_eq!(read(&[]).unwrap(), (0, 30));
        assert_eq!(read(&[(delay, "15s")]).unwrap(), (15, 30));
        assert_eq!(read(&[(delay, "16s"), (timeout, "32s")]).unwrap(), (16, 32));
        for pairs in [[(delay, "16s"), (timeout, "30s")], [(delay, "5s"), (timeout, "5s")]] {
            let faults = read(&pairs).unwrap_err();
            assert_eq!(faults.len(), 1, "{faults:?}");
            assert!(faults[0].to_string().starts_with("BACKEND_SHUTDOWN_DELAY: "), "{}", faults[0]);
        }
        // One that cannot be read is one fault, whatever the other is.
        assert_eq!(read(&[(delay, "soon"), (timeout, "1s")]).unwrap_err().len(), 1);
    }

    #[test]
    fn a_report_may_be_as_long_as_is_sensible() {
        assert_eq!(report_limit("1KiB"), Ok(1 << 10));
        assert_eq!(report_limit("16MiB"), Ok(16 << 20));
        assert!(report_limit("1023").is_err() && report_limit("17MiB").is_err());
    }
}
