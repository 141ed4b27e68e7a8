//! What notify-worker counts (SPEC §16). The queues' depth, age and latency come with the engine.

use opentelemetry::KeyValue;
use opentelemetry::metrics::Counter;
use shared::domain::notification::RouteStatus;
use shared::queue::Settled;
use shared::service::telemetry;

/// The counters; cheap to clone. To be made after telemetry is set up.
#[derive(Clone, Debug)]
pub struct Metrics {
    intents: Counter<u64>,
    routes: Counter<u64>,
    dispatched: Counter<u64>,
}

impl Metrics {
    /// Registers them.
    #[must_use]
    pub fn new() -> Self {
        let meter = telemetry::meter();
        Self {
            intents: meter
                .u64_counter("notification_intents_total")
                .with_description("Notifications, as their expansion settled")
                .build(),
            routes: meter
                .u64_counter("notification_routes_total")
                .with_description("Routes made, those that are skipped at once included")
                .build(),
            dispatched: meter
                .u64_counter("notification_dispatch_total")
                .with_description("Routes, as their dispatch settled")
                .build(),
        }
    }

    pub(crate) fn intent(&self, kind: &'static str, settled: &Settled) {
        if let Some(outcome) = outcome(settled) {
            self.intents.add(1, &[KeyValue::new("kind", kind), KeyValue::new("outcome", outcome)]);
        }
    }

    pub(crate) fn routes(&self, channel: &'static str, n: u64) {
        self.routes.add(n, &[KeyValue::new("channel", channel)]);
    }

    pub(crate) fn dispatched(&self, channel: &'static str, settled: &Settled) {
        if let Some(outcome) = outcome(settled) {
            self.dispatched.add(1, &[KeyValue::new("channel", channel), KeyValue::new("outcome", outcome)]);
        }
    }
}

impl Default for Metrics {
    fn default() -> Self {
        Self::new()
    }
}

/// A further chunk and a row that was given back are no outcomes. Notifications and routes have the same words here.
fn outcome(settled: &Settled) -> Option<&'static str> {
    match settled {
        Settled::Done(status) => Some(status),
        Settled::Retrying { .. } => Some(RouteStatus::Retrying.as_str()),
        Settled::Dead { .. } => Some(RouteStatus::DeadLettered.as_str()),
        Settled::Again | Settled::Released => None,
    }
}
