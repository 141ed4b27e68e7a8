//! A span for each SQL statement of a trace that is recorded, made of the event by which sqlx tells of it (ADR 22).

use std::time::{Duration, SystemTime};

use opentelemetry::{
    Context as OtelContext, KeyValue,
    trace::{Span as _, SpanKind, TraceContextExt as _, Tracer as _},
};
use opentelemetry_sdk::trace::SdkTracer;
use tracing::{
    Event, Level, Metadata, Subscriber,
    field::{Field, Visit},
    level_filters::LevelFilter,
};
use tracing_subscriber::{Layer, filter::dynamic_filter_fn, layer::Context, registry::LookupSpan};

use crate::{clock::Clock, postgres::statement};

/// The layer. It hears of statements in sampled traces alone: otherwise sqlx does not even put its event together.
pub(super) fn layer<S>(tracer: SdkTracer) -> impl Layer<S>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
{
    let filter = dynamic_filter_fn::<S, _>(|meta, _| is_wanted(meta)).with_max_level_hint(LevelFilter::INFO);
    Statements { tracer, clock: Clock::system() }.with_filter(filter)
}

fn is_wanted(meta: &Metadata<'_>) -> bool {
    *meta.level() <= Level::INFO && meta.target() == statement::TARGET && super::is_sampled()
}

struct Statements {
    tracer: SdkTracer,
    clock: Clock,
}

impl<S: Subscriber> Layer<S> for Statements {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let mut told = Told::default();
        event.record(&mut told);
        let context = OtelContext::current();
        if !context.span().span_context().is_sampled() {
            return;
        }
        let ended = SystemTime::from(self.clock.now());
        let named = statement::named(told.text());
        let operation = named.summary.split(' ').next().unwrap_or_default().to_owned();
        let span = self
            .tracer
            .span_builder(named.name)
            .with_kind(SpanKind::Client)
            .with_start_time(ended.checked_sub(told.took).unwrap_or(ended))
            .with_attributes([
                KeyValue::new("db.system.name", "postgresql"),
                KeyValue::new("db.operation.name", operation),
                KeyValue::new("db.query.summary", named.summary),
                KeyValue::new("db.response.returned_rows", told.rows),
            ]);
        span.start_with_context(&self.tracer, &context).end_with_timestamp(ended);
    }
}

/// What sqlx tells.
#[derive(Default)]
struct Told {
    /// The text itself where it is short, else its first words.
    short: String,
    /// The text where it is long, with line breaks of sqlx's around it.
    long: String,
    took: Duration,
    rows: i64,
}

impl Told {
    fn text(&self) -> &str {
        if self.long.is_empty() {
            return &self.short;
        }
        let long = self.long.strip_prefix("\n\n").unwrap_or(&self.long);
        long.strip_suffix('\n').unwrap_or(long)
    }
}

impl Visit for Told {
    fn record_str(&mut self, field: &Field, value: &str) {
        match field.name() {
            "summary" => value.clone_into(&mut self.short),
            "db.statement" => value.clone_into(&mut self.long),
            _ => {}
        }
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        if field.name() == "elapsed_secs" {
            self.took = Duration::try_from_secs_f64(value).unwrap_or_default();
        }
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        if field.name() == "rows_returned" {
            self.rows = i64::try_from(value).unwrap_or(i64::MAX);
        }
    }

    fn record_debug(&mut self, _: &Field, _: &dyn std::fmt::Debug) {}
}
