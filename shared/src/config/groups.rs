//! The settings that every process has, but for Postgres and credentials, and those of api-server and runtime-controller both.

use std::time::Duration;

use super::{Group, ListenAddr, Reader, parse};
use crate::domain::image_reference::AllowedRegistries;

/// Budget of the whole shutdown.
#[derive(Clone, Debug)]
pub struct LifecycleConfig {
    /// From SIGTERM to the end of the process.
    pub shutdown_timeout: Duration,
}

impl Group for LifecycleConfig {
    fn read(r: &mut Reader) -> Self {
        r.section("Process");
        Self {
            shutdown_timeout: r.optional(
                "BACKEND_SHUTDOWN_TIMEOUT",
                "30s",
                "Budget of the whole shutdown, from SIGTERM to exit: work still going on after it is abandoned.",
                parse::positive_duration,
            ),
        }
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

/// Where spans go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TracesExporter {
    /// Nowhere; ids are still made and passed on.
    None,
    /// To a collector.
    Otlp,
    /// To standard output, between the log's lines.
    Stdout,
}

/// Where metrics go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MetricsExporter {
    /// Nowhere.
    None,
    /// To a collector, every minute.
    Otlp,
    /// To standard output, every minute.
    Stdout,
    /// To whoever asks `/metrics` on the ops listener.
    Prometheus,
}

/// How a collector is spoken to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OtlpProtocol {
    /// gRPC, port 4317 by default.
    Grpc,
    /// Protobuf over HTTP, port 4318 by default.
    HttpProtobuf,
}

/// Logs, traces and metrics.
#[derive(Clone, Debug)]
pub struct TelemetryConfig {
    /// Directives for the log's filter, already checked: `info`, or `info,mail_worker=debug`.
    pub level: String,
    /// Where spans go.
    pub traces: TracesExporter,
    /// Where metrics go.
    pub metrics: MetricsExporter,
    /// How the collector is spoken to.
    pub protocol: OtlpProtocol,
    /// The collector's URL; `None` is OpenTelemetry's own default, on this machine.
    pub endpoint: Option<String>,
    /// `service.name` in telemetry, `service` in the log: the binary's name unless set.
    pub service_name: String,
}

impl Group for TelemetryConfig {
    fn read(r: &mut Reader) -> Self {
        r.section("Telemetry");
        Self {
            level: r.optional(
                "BACKEND_LOGGING_LEVEL",
                "info",
                "`trace`, `debug`, `info`, `warn`, `error` or `off`; also per module, as in `info,shared::queue=debug`.",
                level,
            ),
            traces: r.optional(
                "BACKEND_OTEL_TRACES_EXPORTER",
                "otlp",
                "Where traces go: `otlp`, `stdout` or `none`.",
                |value| {
                    use TracesExporter::{None, Otlp, Stdout};
                    parse::one_of(value, &[("none", None), ("otlp", Otlp), ("stdout", Stdout)])
                },
            ),
            metrics: r.optional(
                "BACKEND_OTEL_METRICS_EXPORTER",
                "otlp",
                "Where metrics go: `otlp`, `stdout`, `prometheus` (served as `/metrics` on the ops listener) or `none`.",
                |value| {
                    use MetricsExporter::{None, Otlp, Prometheus, Stdout};
                    parse::one_of(
                        value,
                        &[("none", None), ("otlp", Otlp), ("stdout", Stdout), ("prometheus", Prometheus)],
                    )
                },
            ),
            protocol: r.optional(
                "BACKEND_OTEL_PROTOCOL",
                "grpc",
                "How the collector is spoken to: `grpc` or `http/protobuf`.",
                |value| {
                    parse::one_of(
                        value,
                        &[("grpc", OtlpProtocol::Grpc), ("http/protobuf", OtlpProtocol::HttpProtobuf)],
                    )
                },
            ),
            endpoint: r.maybe(
                "BACKEND_OTEL_ENDPOINT",
                "The collector's URL; with `https`, its certificate is checked against the system's roots. Absent: \
                 OpenTelemetry's default on this machine, port 4317 for gRPC, 4318 for HTTP.",
                "http://collector:4317",
                parse::http_url,
            ),
            service_name: r
                .maybe(
                    "BACKEND_SERVICE_NAME",
                    "Name of the service in logs and telemetry. Absent: the binary's name.",
                    "api-server-eu",
                    parse::text,
                )
                .unwrap_or_else(|| r.process().to_owned()),
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

/// Which driver runs engines.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DriverKind {
    /// Containers of a Docker daemon.
    Docker,
    /// Child processes on loopback, for a machine without Docker. No isolation.
    Process,
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
                "docker",
                "What runs engines: `docker`, or `process` for a machine without Docker (no isolation). With `docker` an \
                 engine's image is a reference, with `process` the path of a binary.",
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
    parse::one_of(value, &[("docker", DriverKind::Docker), ("process", DriverKind::Process)])
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

/// A filter that tracing-subscriber understands; zap's and syslog's words for the levels are taken too.
fn level(value: &str) -> Result<String, String> {
    let lower = value.to_ascii_lowercase();
    let directives = match lower.as_str() {
        "warning" => "warn",
        "dpanic" | "panic" | "fatal" => "error",
        "trace" | "debug" | "info" | "warn" | "error" | "off" => &lower,
        _ if value.contains('=') => value,
        _ => return Err(format!("{value:?} is not one of trace, debug, info, warn, error, off")),
    };
    match tracing_subscriber::EnvFilter::builder().parse(directives) {
        Ok(_) => Ok(directives.to_owned()),
        Err(e) => Err(format!("{value:?} is not a filter such as info,shared::queue=debug: {e}")),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::{super::Source, *};

    #[test]
    fn levels_take_words_and_filters() {
        assert_eq!(level("INFO").as_deref(), Ok("info"));
        assert_eq!(level("warning").as_deref(), Ok("warn"));
        assert_eq!(level("info,shared::queue=debug").as_deref(), Ok("info,shared::queue=debug"));
        assert!(level("loud").is_err());
        assert!(level("info,x=loud").is_err());
    }

    #[test]
    fn a_report_may_be_as_long_as_is_sensible() {
        assert_eq!(report_limit("1KiB"), Ok(1 << 10));
        assert_eq!(report_limit("16MiB"), Ok(16 << 20));
        assert!(report_limit("1023").is_err() && report_limit("17MiB").is_err());
    }

    #[test]
    fn the_service_is_named_after_the_binary_and_the_old_listener_name_is_read() {
        let env = BTreeMap::from([("BACKEND_OTEL_PROMETHEUS_LISTEN_ADDR".to_owned(), "127.0.0.1:9200".to_owned())]);
        let mut r = Reader::read("mail-worker", Source::new(BTreeMap::new(), env));
        assert_eq!(TelemetryConfig::read(&mut r).service_name, "mail-worker");
        assert_eq!(OpsConfig::read(&mut r).listen_addr.to_string(), "127.0.0.1:9200");
    }
}
