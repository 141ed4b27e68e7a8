//! W3C trace context, as it goes through headers and rows.

use opentelemetry::{
    Context, Value,
    trace::{SpanContext, SpanId, TraceContextExt as _, TraceFlags, TraceId, TraceState},
};
use tracing::Span;
use tracing_opentelemetry::OpenTelemetrySpanExt as _;

/// The `traceparent` of the current span, for a header or a row; `None` outside any trace.
#[must_use]
pub fn current_traceparent() -> Option<String> {
    let context = current()?;
    Some(format!("00-{}-{}-{:02x}", context.trace_id(), context.span_id(), context.trace_flags().to_u8() & 1))
}

/// The `traceparent` of a span, which stands from now on as it is: its parent is set before.
#[must_use]
pub fn traceparent_of(span: &Span) -> Option<String> {
    span.in_scope(current_traceparent)
}

/// The trace id of the current span, 32 hex digits; `None` outside any trace.
#[must_use]
pub fn trace_id_hex() -> Option<String> {
    Some(current()?.trace_id().to_string())
}

/// Whether the trace of the current span is recorded. Costs next to nothing.
#[must_use]
pub fn is_sampled() -> bool {
    Context::map_current(|context| context.has_active_span() && context.span().span_context().is_sampled())
}

fn current() -> Option<SpanContext> {
    let context = Span::current().context();
    let span = context.span().span_context().clone();
    span.is_valid().then_some(span)
}

/// Reads a `traceparent` (W3C Trace Context §3.2); `None` when it is malformed or all zero.
#[must_use]
pub fn parse_traceparent(value: &str) -> Option<SpanContext> {
    let mut parts = value.trim().split('-');
    let (version, trace, span, flags) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
    let hex = |text: &str, len: usize| {
        text.len() == len && text.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
    };
    // A later version may append parts; version 00 has exactly four, and ff is forbidden.
    let shaped = hex(version, 2) && hex(trace, 32) && hex(span, 16) && hex(flags, 2);
    if !shaped || version == "ff" || (version == "00" && parts.next().is_some()) {
        return None;
    }
    let context = SpanContext::new(
        TraceId::from_hex(trace).ok()?,
        SpanId::from_hex(span).ok()?,
        TraceFlags::new(u8::from_str_radix(flags, 16).ok()? & 1),
        true,
        TraceState::default(),
    );
    context.is_valid().then_some(context)
}

/// Whether the trace that a `traceparent` is of is recorded.
#[must_use]
pub fn is_recorded(traceparent: &str) -> bool {
    parse_traceparent(traceparent).is_some_and(|context| context.is_sampled())
}

/// Sets an attribute of the current span, where it is recorded. It is on no log line.
pub fn set_attribute(key: &'static str, value: impl Into<Value>) {
    if is_sampled() {
        Span::current().set_attribute(key, value);
    }
}

/// Makes `span` a child of the remote span: its trace goes on here. To be called right after the span was made, before
/// anything is logged in it. A malformed value is ignored.
pub fn set_parent(span: &Span, traceparent: &str) {
    if let Some(remote) = parse_traceparent(traceparent) {
        // It fails only where the span is not recorded at all, or was started already: nothing to be done about either.
        let _ = span.set_parent(Context::new().with_remote_span_context(remote));
    }
}

/// Links `span` to a remote span without becoming part of its trace.
pub fn link(span: &Span, traceparent: &str) {
    if let Some(remote) = parse_traceparent(traceparent) {
        span.add_link(remote);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const REMOTE: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

    #[test]
    fn only_well_formed_traceparents_are_taken() {
        let context = parse_traceparent(REMOTE).unwrap();
        assert_eq!(context.trace_id().to_string(), "0af7651916cd43dd8448eb211c80319c");
        assert!(context.is_sampled() && context.is_remote());
        assert!(parse_traceparent("01-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00-extra").is_some());
        for bad in [
            "",
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331",
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-extra",
            "ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
            "00-00000000000000000000000000000000-b7ad6b7169203331-01",
            "00-0AF7651916CD43DD8448EB211C80319C-b7ad6b7169203331-01",
            "00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01",
        ] {
            assert!(parse_traceparent(bad).is_none(), "{bad}");
        }
    }
}
