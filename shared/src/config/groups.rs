//! The settings that every process has, but for Postgres.

use std::time::Duration;

use super::{Group, ListenAddr, Reader, parse};

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
    fn the_service_is_named_after_the_binary_and_the_old_listener_name_is_read() {
        let env = BTreeMap::from([("BACKEND_OTEL_PROMETHEUS_LISTEN_ADDR".to_owned(), "127.0.0.1:9200".to_owned())]);
        let mut r = Reader::read("mail-worker", Source::new(BTreeMap::new(), env));
        assert_eq!(TelemetryConfig::read(&mut r).service_name, "mail-worker");
        assert_eq!(OpsConfig::read(&mut r).listen_addr.to_string(), "127.0.0.1:9200");
    }
}
