//! What geo counts of itself (SPEC §16).

use opentelemetry::KeyValue;
use opentelemetry::metrics::{Counter, Gauge};
use shared::domain::country::CountryCode;
use shared::service::telemetry;

use super::lookup::LookupError;

/// The counters; cheap to clone.
#[derive(Clone)]
pub(super) struct Metrics {
    lookups: Counter<u64>,
    readings: Counter<u64>,
    unreadable: Gauge<u64>,
    flushes: Counter<u64>,
    dropped: Counter<u64>,
}

impl Metrics {
    pub(super) fn new() -> Self {
        let meter = telemetry::meter();
        Self {
            lookups: meter
                .u64_counter("geo_lookups_total")
                .with_description("Addresses looked up: found, not_found, no_database, error")
                .build(),
            readings: meter
                .u64_counter("geo_database_reads_total")
                .with_description("Readings of a new geo database: ok, failed (the one before stays in use)")
                .build(),
            unreadable: meter
                .u64_gauge("geo_database_unreadable_records")
                .with_description("Records of the geo database in use in which no country can be looked up")
                .build(),
            flushes: meter
                .u64_counter("geo_flushes_total")
                .with_description("Batches of counts written: ok, failed (they wait and are written again)")
                .build(),
            dropped: meter
                .u64_counter("geo_counts_dropped_total")
                .with_description("Requests not counted, since too many counts waited already")
                .build(),
        }
    }

    pub(super) fn looked_up(&self, found: &Result<Option<CountryCode>, LookupError>) {
        let outcome = match found {
            Ok(Some(_)) => "found",
            Ok(None) => "not_found",
            Err(LookupError::NoDatabase) => "no_database",
            Err(LookupError::Broken) => "error",
        };
        self.lookups.add(1, &[KeyValue::new("outcome", outcome)]);
    }

    pub(super) fn read(&self, ok: bool) {
        self.readings.add(1, &[outcome(ok)]);
    }

    pub(super) fn unreadable(&self, records: usize) {
        self.unreadable.record(u64::try_from(records).unwrap_or(u64::MAX), &[]);
    }

    pub(super) fn flushed(&self, ok: bool) {
        self.flushes.add(1, &[outcome(ok)]);
    }

    pub(super) fn dropped(&self, requests: u64) {
        self.dropped.add(requests, &[]);
    }
}

fn outcome(ok: bool) -> KeyValue {
    KeyValue::new("outcome", if ok { "ok" } else { "failed" })
}
