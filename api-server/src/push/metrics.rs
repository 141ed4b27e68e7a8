//! The hub's metrics (SPEC §16).

use opentelemetry::KeyValue;
use opentelemetry::metrics::{Counter, Histogram, ObservableGauge, UpDownCounter};
use shared::service::telemetry;
use tokio::sync::watch;
use tokio::time::Instant;

pub(super) struct Metrics {
    subscribers: UpDownCounter<i64>,
    events: Counter<u64>,
    dropped: Counter<u64>,
    lag: Histogram<f64>,
    steps: Histogram<f64>,
    news: Counter<u64>,
    /// Asked when metrics are read.
    _looked: ObservableGauge<f64>,
}

/// What made a replica look at the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Path {
    /// Somebody said that there is something new.
    Notified,
    /// Nobody said so: a look of its own.
    Looked,
}

/// A part of an event's way to a gateway.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    /// From its insert to the tick that numbered it.
    Tick,
    /// From the tick to this replica's ring.
    Ring,
    /// From the ring to a stream: of each burst the event that waited longest.
    Stream,
}

impl Step {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Tick => "tick",
            Self::Ring => "ring",
            Self::Stream => "stream",
        }
    }
}

impl Metrics {
    /// `looks` tells when the last look at the log began that went well.
    pub(super) fn new(looks: watch::Receiver<Option<Instant>>) -> Self {
        let meter = telemetry::meter();
        let made = Instant::now();
        Self {
            _looked: meter
                .f64_observable_gauge("grpc_push_log_age_seconds")
                .with_description("Since this replica's last look at the log that went well began, or since it started")
                .with_unit("s")
                .with_callback(move |gauge| {
                    let since = looks.borrow().unwrap_or(made);
                    gauge.observe(since.elapsed().as_secs_f64(), &[]);
                })
                .build(),
            subscribers: meter
                .i64_up_down_counter("grpc_push_subscribers")
                .with_description("Push streams open on this replica")
                .build(),
            events: meter
                .u64_counter("grpc_push_events_total")
                .with_description("Frames handed to push streams, by the event's kind")
                .build(),
            dropped: meter
                .u64_counter("grpc_push_dropped_total")
                .with_description("Events that expired before a slow stream got to them")
                .build(),
            lag: telemetry::histogram_seconds(
                "grpc_push_lag_seconds",
                "From an event's insert to its being in this replica's ring, on the database's clock",
            ),
            steps: telemetry::histogram_seconds(
                "grpc_push_step_seconds",
                "Parts of an event's way from its insert to a stream",
            ),
            news: meter
                .u64_counter("grpc_push_log_news_total")
                .with_description(
                    "Looks at the log that found something new, by what they were taken for: notified or looked",
                )
                .build(),
        }
    }

    /// A look at the log found something new.
    pub(super) fn news(&self, path: Path) {
        let path = match path {
            Path::Notified => "notified",
            Path::Looked => "looked",
        };
        self.news.add(1, &[KeyValue::new("path", path)]);
    }

    /// A stream was opened. Its client's lost events are counted from here on.
    pub(super) fn opened(&self, gateway_client_id: &str) {
        self.subscribers.add(1, &[]);
        telemetry::from_nought(&self.dropped, [[client(gateway_client_id)]]);
    }

    pub(super) fn closed(&self) {
        self.subscribers.add(-1, &[]);
    }

    pub(super) fn sent(&self, label: &str) {
        self.events.add(1, &[KeyValue::new("kind", label.to_owned())]);
    }

    pub(super) fn dropped(&self, gateway_client_id: &str, events: i64) {
        let events = u64::try_from(events).unwrap_or(0);
        self.dropped.add(events, &[client(gateway_client_id)]);
    }

    pub(super) fn step(&self, step: Step, seconds: f64) {
        self.steps.record(seconds.max(0.0), &[KeyValue::new("step", step.as_str())]);
    }

    pub(super) fn lag(&self, seconds: f64) {
        self.lag.record(seconds.max(0.0), &[]);
    }
}

fn client(id: &str) -> KeyValue {
    KeyValue::new("gateway_client_id", id.to_owned())
}
