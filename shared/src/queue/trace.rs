//! Spans around work, tied to the requests that caused the rows (`docs/tracing.md`).

use tracing::{Span, field::Empty, info_span};

use super::Claim;
use crate::service::telemetry;

/// The spans of one call of work, open as long as it is under way.
pub(super) struct Spans {
    /// Around the call.
    pub(super) whole: Span,
    /// Of a batch from several traces: one in each trace that is recorded.
    _rows: Vec<Span>,
}

/// Opens the spans of one call of work. Rows of one trace are worked in it. A batch from several traces is worked in a trace of
/// its own, linked to each, and each that is recorded gets a span of its own for its rows. What the work writes goes on from
/// these spans: the claims are given their `traceparent`.
pub(super) fn work(queue: &'static str, claims: &mut [Claim]) -> Spans {
    let causes = causes(claims.iter());
    let whole = info_span!(
        parent: None, "queue.work", otel.kind = "consumer", queue, rows = claims.len(), row_id = Empty, attempt_no = Empty,
        request_id = Empty
    );
    if let [claim] = &*claims {
        whole.record("row_id", tracing::field::display(claim.id));
        whole.record("attempt_no", claim.attempt_no);
        if let Some(request_id) = &claim.request_id {
            whole.record("request_id", request_id.as_str());
        }
    }
    let rows = if let [cause] = causes.as_slice() {
        telemetry::set_parent(&whole, cause);
        Vec::new()
    } else {
        let recorded = causes.iter().filter(|cause| telemetry::is_recorded(cause));
        recorded
            .map(|cause| {
                telemetry::link(&whole, cause);
                rows_of(queue, cause, &whole, claims)
            })
            .collect()
    };
    if let Some(traceparent) = telemetry::traceparent_of(&whole) {
        let ours = |claim: &&mut Claim| claim.traceparent.is_none() || causes.len() == 1;
        claims.iter_mut().filter(ours).for_each(|claim| claim.traceparent = Some(traceparent.clone()));
    }
    Spans { whole, _rows: rows }
}

/// The span of a batch's rows in the trace that they are from.
fn rows_of(queue: &'static str, cause: &str, whole: &Span, claims: &mut [Claim]) -> Span {
    let of_cause = |claim: &&mut Claim| claim.traceparent.as_deref() == Some(cause);
    let count = claims.iter_mut().filter(of_cause).count();
    let span = info_span!(parent: None, "queue.rows", otel.kind = "consumer", queue, rows = count);
    telemetry::set_parent(&span, cause);
    if let Some(whole) = telemetry::traceparent_of(whole) {
        telemetry::link(&span, &whole);
    }
    let traceparent = telemetry::traceparent_of(&span);
    claims.iter_mut().filter(of_cause).for_each(|claim| claim.traceparent.clone_from(&traceparent));
    span
}

/// The span of what is done for claimed rows around their work: `queue.load`, `queue.finish`. None where no row is of a
/// trace that is recorded.
pub(super) fn around<'a>(
    name: &'static str,
    queue: &'static str,
    claims: impl Iterator<Item = &'a Claim> + Clone,
) -> Span {
    let rows = claims.clone().count();
    let causes = causes(claims);
    if !causes.iter().any(|cause| telemetry::is_recorded(cause)) {
        return Span::none();
    }
    let span = info_span!(parent: None, "queue", otel.name = name, queue, rows);
    match causes.as_slice() {
        [cause] => telemetry::set_parent(&span, cause),
        causes => causes.iter().for_each(|cause| telemetry::link(&span, cause)),
    }
    span
}

/// The traces that rows are from, each once.
fn causes<'a>(claims: impl Iterator<Item = &'a Claim>) -> Vec<String> {
    let mut causes: Vec<&str> = claims.filter_map(|claim| claim.traceparent.as_deref()).collect();
    causes.sort_unstable();
    causes.dedup();
    causes.into_iter().map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use chrono::DateTime;
    use opentelemetry::trace::TracerProvider as _;
    use opentelemetry_sdk::trace::SdkTracerProvider;
    use tracing_subscriber::layer::SubscriberExt as _;
    use uuid::Uuid;

    use super::*;

    const ONE: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    const OTHER: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    const UNRECORDED: &str = "00-5bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00";

    fn claim(traceparent: Option<&str>) -> Claim {
        Claim {
            id: Uuid::nil(),
            token: 1,
            attempt_no: 1,
            failures: 0,
            alone: false,
            priority: 0,
            due_at: DateTime::UNIX_EPOCH,
            created_at: DateTime::UNIX_EPOCH,
            request_id: None,
            traceparent: traceparent.map(str::to_owned),
        }
    }

    /// The claims' `traceparent`s after the spans were opened, and the trace that the call is in.
    fn worked(traceparents: &[Option<&str>]) -> (Vec<String>, String) {
        let provider = SdkTracerProvider::builder().build();
        let subscriber =
            tracing_subscriber::registry().with(tracing_opentelemetry::layer().with_tracer(provider.tracer("test")));
        tracing::subscriber::with_default(subscriber, || {
            let mut claims: Vec<Claim> = traceparents.iter().map(|traceparent| claim(*traceparent)).collect();
            let spans = work("test", &mut claims);
            let trace = spans.whole.in_scope(|| telemetry::trace_id_hex().unwrap());
            (claims.into_iter().map(|claim| claim.traceparent.unwrap()).collect(), trace)
        })
    }

    fn trace(traceparent: &str) -> &str {
        traceparent.split('-').nth(1).unwrap()
    }

    #[test]
    fn rows_of_one_trace_are_worked_in_it_and_what_they_write_goes_on_from_there() {
        let (given, whole) = worked(&[Some(ONE), Some(ONE)]);
        assert_eq!(whole, trace(ONE));
        assert!(given.iter().all(|given| trace(given) == trace(ONE) && given != ONE), "{given:?}");
    }

    #[test]
    fn a_row_of_no_trace_begins_one() {
        let (given, whole) = worked(&[None]);
        assert_eq!(trace(&given[0]), whole);
    }

    #[test]
    fn a_batch_from_several_traces_has_its_own_and_each_goes_on_by_itself() {
        let (given, whole) = worked(&[Some(ONE), Some(OTHER), None, Some(UNRECORDED), Some(ONE)]);
        let traces: Vec<&str> = given.iter().map(|given| trace(given)).collect();
        assert_eq!(traces, [trace(ONE), trace(OTHER), &whole, trace(UNRECORDED), trace(ONE)]);
        assert_eq!(given[0], given[4], "one span for the rows of a trace");
        assert_eq!(given[3], UNRECORDED, "nothing is made where nobody looks");
        assert!(!given.iter().any(|given| [ONE, OTHER].contains(&given.as_str())), "{given:?}");
        assert_eq!(traces.into_iter().collect::<BTreeSet<_>>().len(), 4);
    }
}
