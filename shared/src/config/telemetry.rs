//! Where logs, traces and metrics go, and what of OpenTelemetry's own variables counts where ours are absent.

use super::{Group, Reader, parse};

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
    /// The share of traces that begin here and are recorded. A trace that began elsewhere is recorded if it is there. `None`: as
    /// `OTEL_TRACES_SAMPLER` says, else all.
    pub ratio: Option<f64>,
    /// `service.name` in telemetry, `service` in the log: the binary's name unless set.
    pub service_name: String,
}

impl Group for TelemetryConfig {
    fn read(r: &mut Reader) -> Self {
        r.section("Telemetry");
        for (ours, standard) in [
            ("BACKEND_OTEL_TRACES_EXPORTER", "OTEL_TRACES_EXPORTER"),
            ("BACKEND_OTEL_METRICS_EXPORTER", "OTEL_METRICS_EXPORTER"),
            ("BACKEND_OTEL_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL"),
            ("BACKEND_OTEL_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT"),
            ("BACKEND_SERVICE_NAME", "OTEL_SERVICE_NAME"),
        ] {
            r.standard(ours, standard);
        }
        let described = r.outside("OTEL_RESOURCE_ATTRIBUTES").and_then(|attributes| service_name(&attributes));
        let mut config = Self {
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
                    parse::one_of(value, &[("none", None), ("otlp", Otlp), ("stdout", Stdout), ("console", Stdout)])
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
                        &[
                            ("none", None),
                            ("otlp", Otlp),
                            ("stdout", Stdout),
                            ("console", Stdout),
                            ("prometheus", Prometheus),
                        ],
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
            ratio: r.maybe(
                "BACKEND_OTEL_TRACES_RATIO",
                "The share of traces that begin here and are recorded, 0 to 1. A trace that began at a caller is recorded if the \
                 caller records it. Absent: as `OTEL_TRACES_SAMPLER` and `OTEL_TRACES_SAMPLER_ARG` say, else all.",
                "0.05",
                share,
            ),
            service_name: r
                .maybe(
                    "BACKEND_SERVICE_NAME",
                    "Name of the service in logs and telemetry. Absent: `service.name` of `OTEL_RESOURCE_ATTRIBUTES`, else the \
                     binary's name.",
                    "api-server-eu",
                    parse::text,
                )
                .or(described)
                .unwrap_or_else(|| r.process().to_owned()),
        };
        // The standard's switch counts where ours are absent: whoever names an exporter wants it.
        if r.outside("OTEL_SDK_DISABLED").is_some_and(|value| value.eq_ignore_ascii_case("true")) {
            if r.outside("BACKEND_OTEL_TRACES_EXPORTER").is_none() {
                config.traces = TracesExporter::None;
            }
            if r.outside("BACKEND_OTEL_METRICS_EXPORTER").is_none() {
                config.metrics = MetricsExporter::None;
            }
        }
        config
    }
}

/// A number from 0 to 1.
fn share(value: &str) -> Result<f64, String> {
    let number: Option<f64> = value.parse().ok();
    number.filter(|share| (0.0..=1.0).contains(share)).ok_or_else(|| format!("{value:?} is not a number from 0 to 1"))
}

/// `service.name` among `key=value` pairs with commas between them.
fn service_name(attributes: &str) -> Option<String> {
    let pairs = attributes.split(',').filter_map(|pair| pair.split_once('='));
    let names = pairs.filter(|(key, value)| key.trim() == "service.name" && !value.trim().is_empty());
    names.map(|(_, value)| value.trim().to_owned()).next()
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

    use super::{
        super::{OpsConfig, Source},
        *,
    };

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

    #[test]
    fn the_variables_of_opentelemetry_count_where_ours_are_absent() {
        let read = |pairs: &[(&str, &str)]| {
            let env = pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
            let mut r = Reader::read("mail-worker", Source::new(BTreeMap::new(), env));
            let config = TelemetryConfig::read(&mut r);
            assert!(r.faults.is_empty(), "{:?}", r.faults);
            config
        };
        let theirs = [
            ("OTEL_TRACES_EXPORTER", "console"),
            ("OTEL_METRICS_EXPORTER", "prometheus"),
            ("OTEL_EXPORTER_OTLP_PROTOCOL", "http/protobuf"),
            ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://theirs:4318"),
            ("OTEL_RESOURCE_ATTRIBUTES", "deployment.environment.name=test,service.name=post"),
        ];
        let config = read(&theirs);
        assert_eq!((config.traces, config.metrics), (TracesExporter::Stdout, MetricsExporter::Prometheus));
        assert_eq!(config.protocol, OtlpProtocol::HttpProtobuf);
        assert_eq!(config.endpoint.as_deref().map(|url| url.trim_end_matches('/')), Some("http://theirs:4318"));
        assert_eq!((config.service_name.as_str(), config.ratio), ("post", None));
        assert_eq!(read(&[&theirs[..], &[("OTEL_SERVICE_NAME", "named")]].concat()).service_name, "named");
        let ours = [
            ("BACKEND_OTEL_TRACES_EXPORTER", "otlp"),
            ("BACKEND_OTEL_PROTOCOL", "grpc"),
            ("BACKEND_SERVICE_NAME", "ours"),
            ("BACKEND_OTEL_TRACES_RATIO", "0.25"),
            ("OTEL_SDK_DISABLED", "true"),
        ];
        let config = read(&[&theirs[..], &ours].concat());
        assert_eq!((config.traces, config.protocol), (TracesExporter::Otlp, OtlpProtocol::Grpc));
        assert_eq!(config.metrics, MetricsExporter::None, "switched off, where nothing of ours says otherwise");
        assert_eq!((config.service_name.as_str(), config.ratio), ("ours", Some(0.25)));
    }
}
