//! What the runtime counts (SPEC §16).

use std::time::Duration;

use opentelemetry::KeyValue;
use opentelemetry::metrics::{Counter, Gauge, Histogram};
use shared::service::telemetry;

/// An engine that could not be brought back as often as is tried.
pub(crate) const GIVEN_UP: &str = "given_up";
/// An engine that runs and has not answered for minutes.
pub(crate) const SILENT: &str = "silent";

/// The runtime's instruments.
#[derive(Debug, Clone)]
pub struct Metrics {
    container_ops: Counter<u64>,
    probes: Counter<u64>,
    turns: Counter<u64>,
    lateness: Histogram<f64>,
    unserved: Gauge<u64>,
    lost: Counter<u64>,
}

impl Metrics {
    /// To be called after telemetry is set up.
    #[must_use]
    pub fn new() -> Self {
        let meter = telemetry::meter();
        let lost = meter
            .u64_counter("runtime_engines_lost_total")
            .with_description(
                "Engines whose games were paused: given_up after the last try to bring them back, or silent",
            )
            .build();
        telemetry::from_nought(&lost, [GIVEN_UP, SILENT].map(|cause| [KeyValue::new("cause", cause)]));
        Self {
            lost,
            container_ops: meter
                .u64_counter("runtime_container_ops_total")
                .with_description("Calls to the container driver")
                .build(),
            probes: meter
                .u64_counter("runtime_health_probes_total")
                .with_description("Probes of engines' /healthz and status")
                .build(),
            turns: meter
                .u64_counter("runtime_turns_total")
                .with_description("Turns that came due, by what came of them")
                .build(),
            unserved: meter
                .u64_gauge("runtime_unserved")
                .with_description("Games whose daemon no live controller serves, for a minute or longer")
                .build(),
            // Bounds of its own: those of `telemetry::SECONDS` end at five minutes, and a turn that waits for a controller or for
            // its engine may be late by an hour. Milliseconds tell nothing here.
            lateness: meter
                .f64_histogram("runtime_turn_lateness_seconds")
                .with_description("From a turn's due time to the moment its generation began")
                .with_unit("s")
                .with_boundaries(vec![0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 15.0, 60.0, 300.0, 3600.0])
                .build(),
        }
    }

    pub(crate) fn container_op(&self, op: &'static str, outcome: &'static str) {
        self.container_ops.add(1, &[KeyValue::new("op", op), KeyValue::new("outcome", outcome)]);
    }

    pub(crate) fn probe(&self, outcome: &'static str) {
        self.probes.add(1, &[KeyValue::new("outcome", outcome)]);
    }

    pub(crate) fn turn(&self, outcome: &'static str) {
        self.turns.add(1, &[KeyValue::new("outcome", outcome)]);
    }

    pub(crate) fn unserved(&self, games: u64) {
        self.unserved.record(games, &[]);
    }

    /// A game was paused, since its engine is lost: [`GIVEN_UP`] or [`SILENT`].
    pub(crate) fn lost(&self, cause: &'static str) {
        self.lost.add(1, &[KeyValue::new("cause", cause)]);
    }

    pub(crate) fn late(&self, by: Duration) {
        self.lateness.record(by.as_secs_f64(), &[]);
    }
}

impl Default for Metrics {
    fn default() -> Self {
        Self::new()
    }
}
