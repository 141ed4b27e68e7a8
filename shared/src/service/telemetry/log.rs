//! One JSON object a line: `ts, level, caller, service, msg, otel_trace_id, otel_span_id, request_id` and fields.

use std::{
    borrow::Cow,
    fmt::{self, Write as _},
    io::Write as _,
    sync::OnceLock,
};

use chrono::SecondsFormat;
use opentelemetry::trace::TraceContextExt as _;
use tracing::{
    Dispatch, Event, Level, Subscriber,
    dispatcher::WeakDispatch,
    field::{Field, Visit},
    span::{Attributes, Id, Record},
};
use tracing_subscriber::{
    Layer,
    layer::Context,
    registry::{LookupSpan, Scope},
};

use crate::clock::Clock;

/// Keys that the line itself owns; a field of that name is written as `field_<name>`.
const OWN: &[&str] = &["ts", "level", "caller", "service", "msg", "otel_trace_id", "otel_span_id"];

/// Where finished lines go.
type Sink = Box<dyn Fn(&[u8]) + Send + Sync>;

/// The layer that writes the log.
pub(super) struct JsonLog {
    /// In JSON.
    service: String,
    clock: Clock,
    sink: Sink,
    dispatch: OnceLock<WeakDispatch>,
}

/// The fields of a span, kept beside it.
struct SpanFields(Fields);

impl JsonLog {
    pub(super) fn to_stdout(service: &str) -> Self {
        Self::new(service, Clock::system(), |line| {
            // A log that cannot be written has nowhere to be complained about.
            let _ = std::io::stdout().lock().write_all(line);
        })
    }

    fn new(service: &str, clock: Clock, sink: impl Fn(&[u8]) + Send + Sync + 'static) -> Self {
        Self { service: json(service), clock, sink: Box::new(sink), dispatch: OnceLock::new() }
    }

    /// Trace and span id of a span, where the OpenTelemetry layer knows it.
    fn otel_ids(&self, span: &Id) -> Option<(String, String)> {
        let dispatch = self.dispatch.get()?.upgrade()?;
        let context = tracing_opentelemetry::get_otel_context(span, &dispatch)?;
        let span = context.span();
        let span = span.span_context();
        span.is_valid().then(|| (span.trace_id().to_string(), span.span_id().to_string()))
    }

    fn line<'a, S>(&self, event: &Event<'_>, ids: Option<(String, String)>, scope: Option<Scope<'a, S>>) -> String
    where
        S: Subscriber + LookupSpan<'a>,
    {
        let meta = event.metadata();
        let mut own = Fields::default();
        event.record(&mut own);
        // The innermost value of a name counts: the event's, then that of each span from the inside out.
        let mut fields = Fields::default();
        let message = match own.take("message") {
            Some(text) if text.starts_with('"') => text,
            Some(other) => json(&other),
            None => json(meta.name()),
        };
        let (mut file, mut line_no) = (meta.file().map(Cow::Borrowed), meta.line());
        let mut target = None;
        for (name, value) in own.0 {
            match name {
                // What the `log` crate's records carry in place of metadata.
                "log.file" => file = serde_json::from_str(&value).ok().map(Cow::Owned),
                "log.line" => line_no = value.parse().ok(),
                "log.target" => target = serde_json::from_str::<String>(&value).ok(),
                "log.module_path" => {}
                _ => fields.put_if_absent(name, value),
            }
        }
        for span in scope.into_iter().flatten() {
            if let Some(SpanFields(of_span)) = span.extensions().get::<SpanFields>() {
                for (name, value) in &of_span.0 {
                    fields.put_if_absent(name, value.clone());
                }
            }
        }
        let mut out = Line::default();
        out.put("ts", &json(&self.clock.now().to_rfc3339_opts(SecondsFormat::Micros, true)));
        out.put("level", level(*meta.level()));
        let caller = match (file, line_no) {
            (Some(file), Some(line)) => format!("{}:{line}", short(&file)),
            _ => target.unwrap_or_else(|| meta.target().to_owned()),
        };
        out.put("caller", &json(&caller));
        out.put("service", &self.service);
        out.put("msg", &message);
        if let Some((trace, span)) = ids {
            out.put("otel_trace_id", &json(&trace));
            out.put("otel_span_id", &json(&span));
        }
        if let Some(id) = fields.take("request_id") {
            out.put("request_id", &id);
        }
        for (name, value) in &fields.0 {
            if OWN.contains(name) {
                out.put(&format!("field_{name}"), value);
            } else if !name.starts_with("otel.") {
                out.put(name, value);
            }
        }
        out.finish()
    }
}

impl<S> Layer<S> for JsonLog
where
    S: Subscriber + for<'a> LookupSpan<'a>,
{
    fn on_register_dispatch(&self, dispatch: &Dispatch) {
        let _ = self.dispatch.set(dispatch.downgrade());
    }

    fn on_new_span(&self, attrs: &Attributes<'_>, id: &Id, ctx: Context<'_, S>) {
        let mut fields = Fields::default();
        attrs.record(&mut fields);
        if let Some(span) = ctx.span(id) {
            span.extensions_mut().replace(SpanFields(fields));
        }
    }

    fn on_record(&self, id: &Id, values: &Record<'_>, ctx: Context<'_, S>) {
        let Some(span) = ctx.span(id) else { return };
        if let Some(SpanFields(fields)) = span.extensions_mut().get_mut::<SpanFields>() {
            values.record(fields);
        }
    }

    fn on_event(&self, event: &Event<'_>, ctx: Context<'_, S>) {
        let ids = ctx.event_span(event).and_then(|span| self.otel_ids(&span.id()));
        (self.sink)(self.line(event, ids, ctx.event_scope(event)).as_bytes());
    }
}

/// A path that is short and still found: dependencies lose the way to cargo's registry.
fn short(file: &str) -> &str {
    let Some((_, rest)) = file.split_once("/registry/src/") else { return file };
    rest.split_once('/').map_or(rest, |(_, rest)| rest)
}

/// A text in JSON.
fn json(text: &str) -> String {
    serde_json::to_string(text).unwrap_or_default()
}

/// The word for a level, in JSON.
fn level(level: Level) -> &'static str {
    match level {
        Level::ERROR => "\"error\"",
        Level::WARN => "\"warn\"",
        Level::INFO => "\"info\"",
        Level::DEBUG => "\"debug\"",
        Level::TRACE => "\"trace\"",
    }
}

/// Names and values in JSON, in the order in which they came; a later value of a name replaces the earlier one. A value is
/// written once, however many lines a span's value stands on.
#[derive(Default)]
struct Fields(Vec<(&'static str, String)>);

impl Fields {
    fn put(&mut self, name: &'static str, value: String) {
        match self.0.iter_mut().find(|(known, _)| *known == name) {
            Some(slot) => slot.1 = value,
            None => self.0.push((name, value)),
        }
    }

    fn put_if_absent(&mut self, name: &'static str, value: String) {
        if !self.0.iter().any(|(known, _)| *known == name) {
            self.0.push((name, value));
        }
    }

    fn take(&mut self, name: &str) -> Option<String> {
        let at = self.0.iter().position(|(known, _)| *known == name)?;
        Some(self.0.remove(at).1)
    }
}

impl Visit for Fields {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.put(field.name(), json(&format!("{value:?}")));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.put(field.name(), json(value));
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.put(field.name(), value.to_string());
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.put(field.name(), value.to_string());
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.put(field.name(), value.to_string());
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        // What is no number in JSON is null.
        self.put(field.name(), serde_json::to_string(&value).unwrap_or_default());
    }

    fn record_error(&mut self, field: &Field, value: &(dyn std::error::Error + 'static)) {
        let mut text = value.to_string();
        let mut cause = value.source();
        while let Some(error) = cause {
            let _ = write!(text, ": {error}");
            cause = error.source();
        }
        self.put(field.name(), json(&text));
    }
}

/// A JSON object in the making, with its keys in the order in which they are put.
struct Line(String);

impl Default for Line {
    fn default() -> Self {
        Self(String::with_capacity(512))
    }
}

impl Line {
    /// `name` needs no escaping; `value` is JSON.
    fn put(&mut self, name: &str, value: &str) {
        self.0.push_str(if self.0.is_empty() { "{\"" } else { ",\"" });
        self.0.push_str(name);
        self.0.push_str("\":");
        self.0.push_str(value);
    }

    fn finish(mut self) -> String {
        self.0.push_str("}\n");
        self.0
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use opentelemetry::trace::TracerProvider as _;
    use opentelemetry_sdk::trace::SdkTracerProvider;
    use parking_lot::Mutex;
    use serde_json::Value;
    use tracing_subscriber::layer::SubscriberExt as _;

    use super::{super::filter::Filter, *};

    /// Runs `body` under a log at `level`, and gives back its lines.
    fn logged(level: &str, body: impl FnOnce()) -> Vec<serde_json::Map<String, Value>> {
        let lines = Arc::new(Mutex::new(Vec::new()));
        let kept = Arc::clone(&lines);
        let clock = Clock::fixed(chrono::DateTime::from_timestamp(1_700_000_000, 0).unwrap());
        let log = JsonLog::new("test", clock, move |line| kept.lock().push(String::from_utf8(line.to_vec()).unwrap()));
        let provider = SdkTracerProvider::builder().build();
        let subscriber = tracing_subscriber::registry()
            .with(tracing_opentelemetry::layer().with_tracer(provider.tracer("test")))
            .with(log.with_filter(Filter::new(level).unwrap()));
        tracing::subscriber::with_default(subscriber, body);
        let lines = lines.lock();
        lines
            .iter()
            .map(|line| {
                assert!(line.ends_with('\n') && line.matches('\n').count() == 1, "{line:?}");
                serde_json::from_str(line).unwrap()
            })
            .collect()
    }

    #[test]
    fn a_line_has_the_fixed_keys_the_ids_and_the_fields_of_its_spans() {
        let mut wanted = None;
        let lines = logged("info", || {
            let outer = tracing::info_span!("request", request_id = "req-1", group = "public", n = 1);
            let _outer = outer.enter();
            let inner = tracing::info_span!("claim", n = 2, otel.kind = "client");
            let _inner = inner.enter();
            wanted = super::super::current_traceparent();
            tracing::info!(count = 3u64, ok = true, service = "other", "two\nlines");
        });
        let line = &lines[0];
        assert_eq!(lines.len(), 1);
        for (key, value) in [
            ("ts", Value::from("2023-11-14T22:13:20.000000Z")),
            ("level", "info".into()),
            ("service", "test".into()),
            ("msg", "two\nlines".into()),
            ("request_id", "req-1".into()),
            ("group", "public".into()),
            ("n", 2.into()),
            ("count", 3.into()),
            ("ok", true.into()),
            ("field_service", "other".into()),
        ] {
            assert_eq!(line.get(key), Some(&value), "{key} in {line:?}");
        }
        assert!(line["caller"].as_str().unwrap().starts_with("shared/src/service/telemetry/log.rs:"), "{line:?}");
        assert!(!line.contains_key("otel.kind"));
        let traceparent =
            format!("00-{}-{}-01", line["otel_trace_id"].as_str().unwrap(), line["otel_span_id"].as_str().unwrap());
        assert_eq!(Some(traceparent), wanted);
    }

    #[test]
    fn errors_are_written_with_their_causes() {
        let lines = logged("info", || {
            let error = std::io::Error::other(std::fmt::Error);
            tracing::error!(error = &error as &dyn std::error::Error, "failed");
            let error = anyhow::anyhow!("inner").context("outer");
            tracing::error!(error = format!("{error:#}"), "failed");
        });
        assert!(lines[0]["error"].as_str().unwrap().contains("an error occurred"));
        assert_eq!(lines[1]["error"], "outer: inner");
    }

    #[test]
    fn a_quiet_log_still_carries_the_request_id_on_errors() {
        let lines = logged("error", || {
            let span = tracing::info_span!("request", request_id = tracing::field::Empty);
            let _span = span.enter();
            span.record("request_id", "late");
            tracing::info!("not said");
            tracing::error!("said");
        });
        assert_eq!(lines.len(), 1);
        assert_eq!(lines[0]["request_id"], "late");
    }

    #[test]
    fn one_module_can_be_louder() {
        let lines = logged("warn,galaxy::loud=debug", || {
            tracing::debug!(target: "galaxy::loud", "heard");
            tracing::debug!(target: "galaxy::other", "not heard");
            tracing::info!(target: "galaxy::other", "not heard");
        });
        assert_eq!(lines.len(), 1);
    }

    #[test]
    fn what_strangers_make_libraries_warn_of_is_heard_only_where_it_is_asked_for() {
        let warned = |level: &str| {
            let lines = logged(level, || {
                tracing::warn!(target: "h2::proto::ping_pong", "recv PING ack that we never sent");
                tracing::warn!(target: "rustls::common_state", "TLS alert warning received");
                tracing::warn!(target: "sqlx::query", "slow statement");
            });
            lines.iter().map(|line| line["msg"].as_str().unwrap_or_default().to_owned()).collect::<Vec<_>>()
        };
        for level in ["info", "INFO", " debug", "trace", "warn", "WARN", "info,galaxy::loud=trace", "shared=debug,warn"]
        {
            assert_eq!(warned(level), ["slow statement"], "{level}");
        }
        assert!(warned("error").is_empty() && warned("off").is_empty(), "nothing becomes louder");
        assert_eq!(warned("info,h2=warn").len(), 2, "whoever looks for it gets it");
    }

    #[test]
    fn the_registry_is_cut_from_callers() {
        assert_eq!(short("/root/.cargo/registry/src/index-1/sqlx-core-0.9.0/src/x.rs"), "sqlx-core-0.9.0/src/x.rs");
        assert_eq!(short("shared/src/lib.rs"), "shared/src/lib.rs");
    }
}
