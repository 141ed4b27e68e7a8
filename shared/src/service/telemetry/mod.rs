//! Logs, traces and metrics (SPEC §16): JSON lines on standard output, OpenTelemetry for the rest.
//!
//! Instruments come from [`meter`]; their names are exactly those of SPEC §16, and nothing is added to them. Spans are
//! `tracing` spans of level INFO or above; a field `request_id` on a span stands on every log line within it.

mod export;
mod filter;
mod log;
mod propagation;
mod statements;

use std::time::Duration;

use anyhow::Context as _;
use opentelemetry::{
    KeyValue, global,
    metrics::{Counter, Histogram, Meter},
    trace::TracerProvider as _,
};
use opentelemetry_sdk::{
    Resource,
    metrics::SdkMeterProvider,
    propagation::TraceContextPropagator,
    resource::{EnvResourceDetector, TelemetryResourceDetector},
    trace::{Sampler, SdkTracerProvider},
};
use tracing_subscriber::{
    Layer as _, Registry,
    filter::{LevelFilter, dynamic_filter_fn},
    layer::SubscriberExt as _,
    util::SubscriberInitExt as _,
};

pub use self::propagation::{
    current_traceparent, is_recorded, is_sampled, link, parse_traceparent, set_attribute, set_parent, trace_id_hex,
    traceparent_of,
};
use crate::{
    config::{MetricsExporter, TelemetryConfig, TracesExporter},
    postgres::statement,
};

/// `service.namespace` of all our processes.
const NAMESPACE: &str = "galaxy-backend";

/// Bucket bounds for durations in seconds: from a fast statement to a slow engine call.
pub const SECONDS: &[f64] =
    &[0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0];

/// The meter that all our instruments belong to.
#[must_use]
pub fn meter() -> Meter {
    global::meter("galaxy")
}

/// Begins these series of a counter, each with its labels, at nought. An alarm looks for growth, and a series that begins with the
/// first event shows none.
pub fn from_nought(counter: &Counter<u64>, series: impl IntoIterator<Item = impl AsRef<[KeyValue]>>) {
    for labels in series {
        counter.add(0, labels.as_ref());
    }
}

/// A histogram of durations in seconds, with bounds that fit (OpenTelemetry's own are made for milliseconds).
#[must_use]
pub fn histogram_seconds(name: &'static str, description: &'static str) -> Histogram<f64> {
    meter().f64_histogram(name).with_unit("s").with_description(description).with_boundaries(SECONDS.to_vec()).build()
}

/// What was set up, to be flushed at the end.
pub struct Telemetry {
    tracer: SdkTracerProvider,
    meter: Option<SdkMeterProvider>,
    registry: Option<prometheus::Registry>,
}

/// Sets up logs, traces and metrics for the whole process; to be called once, within the tokio runtime.
///
/// # Errors
/// An exporter that cannot be built, or a second call. A collector that is not there is no error.
pub fn init(config: &TelemetryConfig, instance: &str) -> anyhow::Result<Telemetry> {
    let resource = resource(config, instance);
    let tracer = tracer_provider(config, resource.clone())?;
    let (meter, registry) = meter_provider(config, resource)?;

    let filter = filter::Filter::new(&config.level)?;
    let traces = tracing_opentelemetry::layer()
        .with_tracer(tracer.tracer("galaxy"))
        .with_threads(false)
        .with_target(false)
        // Dynamic, so that both filters are asked about each span and event. Where both said "always" tracing-subscriber
        // would not ask again, but go by the thread's last answer: and sqlx leaves a "no" there after each statement, by
        // asking whether to log it. The next error was not logged, the next span had no fields. The hint spares most of
        // the asking.
        .with_filter(
            dynamic_filter_fn::<Registry, _>(|meta, _| {
                let least = if meta.is_span() { tracing::Level::INFO } else { tracing::Level::ERROR };
                *meta.level() <= least
            })
            .with_max_level_hint(LevelFilter::INFO),
        );
    // Where spans go nowhere, statements tell nobody of themselves.
    let statements = (config.traces != TracesExporter::None).then(|| {
        statement::trace();
        statements::layer(tracer.tracer("galaxy"))
    });
    tracing_subscriber::registry()
        .with(traces)
        .with(statements)
        .with(log::JsonLog::to_stdout(&config.service_name).with_filter(filter))
        .try_init()
        .context("telemetry is set up already")?;

    global::set_text_map_propagator(TraceContextPropagator::new());
    global::set_tracer_provider(tracer.clone());
    if let Some(meter) = &meter {
        global::set_meter_provider(meter.clone());
    }
    Ok(Telemetry { tracer, meter, registry })
}

/// What every span and every metric says of its process: what `OTEL_RESOURCE_ATTRIBUTES` says counts, but for the name.
fn resource(config: &TelemetryConfig, instance: &str) -> Resource {
    Resource::builder_empty()
        .with_attributes([
            KeyValue::new("service.namespace", NAMESPACE),
            KeyValue::new("service.instance.id", instance.to_owned()),
            KeyValue::new("service.version", env!("CARGO_PKG_VERSION")),
        ])
        .with_detectors(&[Box::new(TelemetryResourceDetector), Box::new(EnvResourceDetector::new())])
        .with_service_name(config.service_name.clone())
        .build()
}

/// More than a batch has rows, each perhaps of another trace.
const LINKS: u32 = 1024;

fn tracer_provider(config: &TelemetryConfig, resource: Resource) -> anyhow::Result<SdkTracerProvider> {
    let mut builder = SdkTracerProvider::builder().with_resource(resource).with_max_links_per_span(LINKS);
    if let Some(ratio) = config.ratio {
        builder = builder.with_sampler(sampler(ratio));
    }
    Ok(match config.traces {
        // Ids are made, logged and passed on all the same, and what a caller records it is told to go on recording; nothing goes anywhere.
        TracesExporter::None => builder.with_sampler(Sampler::ParentBased(Box::new(Sampler::AlwaysOff))).build(),
        TracesExporter::Stdout => builder.with_batch_exporter(opentelemetry_stdout::SpanExporter::default()).build(),
        TracesExporter::Otlp => builder.with_batch_exporter(export::spans(config)?).build(),
    })
}

/// Whoever began a trace has decided; of those that begin here a share is recorded.
fn sampler(ratio: f64) -> Sampler {
    Sampler::ParentBased(Box::new(Sampler::TraceIdRatioBased(ratio)))
}

fn meter_provider(
    config: &TelemetryConfig,
    resource: Resource,
) -> anyhow::Result<(Option<SdkMeterProvider>, Option<prometheus::Registry>)> {
    let builder = SdkMeterProvider::builder().with_resource(resource);
    Ok(match config.metrics {
        MetricsExporter::None => (None, None),
        MetricsExporter::Stdout => {
            let exporter = opentelemetry_stdout::MetricExporter::default();
            (Some(builder.with_periodic_exporter(exporter).build()), None)
        }
        MetricsExporter::Otlp => (Some(builder.with_periodic_exporter(export::metrics(config)?).build()), None),
        MetricsExporter::Prometheus => {
            let registry = prometheus::Registry::new();
            // Instruments carry their whole Prometheus name already.
            let exporter = opentelemetry_prometheus::exporter()
                .with_registry(registry.clone())
                .without_counter_suffixes()
                .without_units()
                .scope_info_enabled(false)
                .build()?;
            (Some(builder.with_reader(exporter).build()), Some(registry))
        }
    })
}

impl Telemetry {
    /// What `/metrics` serves, where the prometheus exporter is on.
    #[must_use]
    pub fn registry(&self) -> Option<prometheus::Registry> {
        self.registry.clone()
    }

    /// Sends what is still held, and stops the exporters; takes no longer than `budget`.
    pub async fn shutdown(self, budget: Duration) {
        let flush = tokio::task::spawn_blocking(move || {
            // Errors are of no use here: logging is about to end, and a missing collector was told of before.
            let half = budget / 2;
            let _ = self.tracer.shutdown_with_timeout(half);
            if let Some(meter) = self.meter {
                let _ = meter.shutdown_with_timeout(half);
            }
        });
        let _ = tokio::time::timeout(budget, flush).await;
    }
}

/// The text of a registry in Prometheus's format.
///
/// # Errors
/// When a metric cannot be written, which is a mistake in the program.
pub fn render(registry: &prometheus::Registry) -> anyhow::Result<String> {
    Ok(prometheus::TextEncoder::new().encode_to_string(&registry.gather())?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::OtlpProtocol;

    fn config(metrics: MetricsExporter) -> TelemetryConfig {
        TelemetryConfig {
            level: "info".to_owned(),
            traces: TracesExporter::None,
            metrics,
            protocol: OtlpProtocol::Grpc,
            endpoint: None,
            ratio: None,
            service_name: "test".to_owned(),
        }
    }

    #[test]
    fn a_trace_is_recorded_where_its_parent_is_and_a_share_of_those_without_one() {
        use opentelemetry::{
            Context,
            trace::{SpanKind, TraceContextExt as _, TraceId},
        };
        use opentelemetry_sdk::trace::{SamplingDecision, ShouldSample as _};
        let decide = |ratio, parent: Option<&Context>, id: u64| {
            let spread = id.wrapping_mul(0x9e37_79b9_7f4a_7c15);
            let trace = TraceId::from_bytes(((u128::from(id) << 64) | u128::from(spread)).to_be_bytes());
            sampler(ratio).should_sample(parent, trace, "request", &SpanKind::Server, &[], &[]).decision
                == SamplingDecision::RecordAndSample
        };
        let parent = |flags| {
            let text = format!("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-{flags}");
            Context::new().with_remote_span_context(parse_traceparent(&text).unwrap())
        };
        assert!(decide(0.0, Some(&parent("01")), 1) && !decide(1.0, Some(&parent("00")), 1));
        assert!(!decide(0.0, None, 1) && decide(1.0, None, 1));
        let share = (1..10_000).filter(|id| decide(0.25, None, *id)).count();
        assert!((2_000..3_000).contains(&share), "{share} of 10 000");
    }

    #[test]
    fn prometheus_names_are_exactly_the_instruments() {
        use opentelemetry::metrics::MeterProvider as _;
        let (provider, registry) =
            meter_provider(&config(MetricsExporter::Prometheus), Resource::builder().build()).unwrap();
        let provider = provider.unwrap(); // dropped, it would stop collecting
        let meter = provider.meter("galaxy");
        let labels = [KeyValue::new("group", "public"), KeyValue::new("status", 200)];
        meter.u64_counter("http_requests_total").build().add(3, &labels);
        let seconds = meter.f64_histogram("http_request_duration_seconds").with_unit("s");
        seconds.with_boundaries(SECONDS.to_vec()).build().record(0.02, &[]);
        meter.u64_gauge("grpc_push_subscribers").build().record(2, &[]);
        let text = render(&registry.unwrap()).unwrap();
        for line in [
            "http_requests_total{group=\"public\",status=\"200\"} 3",
            "http_request_duration_seconds_bucket{le=\"0.025\"} 1",
            "http_request_duration_seconds_count 1",
            "grpc_push_subscribers 2",
        ] {
            assert!(text.lines().any(|l| l == line), "{line} in\n{text}");
        }
    }
}
