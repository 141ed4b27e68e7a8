//! What is counted of codes that are mailed for a sign-in.

use opentelemetry::KeyValue;
use opentelemetry::metrics::Counter;
use shared::service::telemetry;

/// What is counted of codes (SPEC §6).
pub struct CodeMetrics {
    /// Codes refused, by outcome.
    pub wrong: Counter<u64>,
    /// Addresses guarded, by cause.
    pub guarded: Counter<u64>,
}

impl CodeMetrics {
    /// The counters.
    pub fn new() -> Self {
        let meter = telemetry::meter();
        let metrics = Self {
            wrong: meter
                .u64_counter("auth_wrong_codes_total")
                .with_description("Codes refused: incorrect, expired (no such challenge, or it is over), slowed")
                .build(),
            guarded: meter
                .u64_counter("auth_addresses_guarded_total")
                .with_description("E-mail addresses guarded for a day, by cause: wrong_tries, mails")
                .build(),
        };
        let outcomes = ["incorrect", "expired", "slowed"];
        telemetry::from_nought(&metrics.wrong, outcomes.map(|outcome| [KeyValue::new("outcome", outcome)]));
        let causes = ["wrong_tries", "mails"];
        telemetry::from_nought(&metrics.guarded, causes.map(|cause| [KeyValue::new("cause", cause)]));
        metrics
    }
}

impl Default for CodeMetrics {
    fn default() -> Self {
        Self::new()
    }
}
