//! Spans around work, tied to the requests that caused the rows (`docs/tracing.md`).

use std::collections::{BTreeMap, HashMap};

use tracing::{Span, field::Empty, info_span};

use super::Claim;
use crate::service::telemetry;

/// The spans of one call of work, open as long as it is under way.
pub(super) struct Spans {
    /// Around the call.
    pub(super) whole: Span,
    /// Of a batch from several traces: one for the rows of each cause that is recorded, in its trace.
    _rows: Vec<Span>,
}

/// Opens the spans of one call of work. Rows of one trace are worked in it. A batch from several traces, or with rows of none, is worked
/// in a trace of its own, linked to each that is recorded, and each of these gets a span of its own for its rows. What the work writes
/// goes on from these spans: the claims are given their `traceparent`.
pub(super) fn work(queue: &'static str, claims: &mut [Claim]) -> Spans {
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
    let causes = Causes::of(claims.iter());
    causes.tie(&whole);
    let ours = telemetry::traceparent_of(&whole);
    let (mut rows, mut goes_on) = (Vec::new(), HashMap::new());
    if !causes.are_one {
        for (cause, count) in causes.recorded() {
            let span = info_span!(parent: None, "queue.rows", otel.kind = "consumer", queue, rows = count);
            telemetry::set_parent(&span, cause);
            if let Some(ours) = &ours {
                telemetry::link(&span, ours);
            }
            goes_on.insert(cause.to_owned(), telemetry::traceparent_of(&span));
            rows.push(span);
        }
    }
    let are_one = causes.are_one;
    for claim in claims {
        let given = match &claim.traceparent {
            Some(cause) if !are_one => goes_on.get(cause),
            _ => Some(&ours),
        };
        if let Some(Some(given)) = given {
            claim.traceparent = Some(given.clone());
        }
    }
    Spans { whole, _rows: rows }
}

/// The span of what is done for claimed rows around their work: `queue.load`, `queue.finish`. None where no row is of a
/// trace that is recorded.
pub(super) fn around<'a>(
    name: &'static str,
    queue: &'static str,
    claims: impl Iterator<Item = &'a Claim> + Clone,
) -> Span {
    if !claims.clone().filter_map(|claim| claim.traceparent.as_deref()).any(telemetry::is_recorded) {
        return Span::none();
    }
    let span = info_span!(parent: None, "queue", otel.name = name, queue, rows = claims.clone().count());
    Causes::of(claims).tie(&span);
    span
}

/// What rows were caused by.
struct Causes<'a> {
    /// Each `traceparent` once, with the number of its rows.
    rows: BTreeMap<&'a str, usize>,
    /// Whether every row has a cause, and all are of one trace: perhaps by several spans of it.
    are_one: bool,
}

impl<'a> Causes<'a> {
    fn of(claims: impl Iterator<Item = &'a Claim>) -> Self {
        let (mut rows, mut every) = (BTreeMap::new(), true);
        for claim in claims {
            match &claim.traceparent {
                Some(cause) => *rows.entry(cause.as_str()).or_default() += 1,
                None => every = false,
            }
        }
        // Version, trace, span, flags.
        let mut traces = rows.keys().map(|cause| cause.split('-').nth(1));
        let first = traces.next();
        let are_one = every && first.is_some() && traces.all(|trace| Some(trace) == first);
        Self { rows, are_one }
    }

    fn recorded(&self) -> impl Iterator<Item = (&'a str, usize)> {
        self.rows.iter().map(|(cause, count)| (*cause, *count)).filter(|(cause, _)| telemetry::is_recorded(cause))
    }

    /// Makes a span part of the trace that all rows are of, or links it to those that are recorded. To be called before anything is
    /// logged in it.
    fn tie(&self, span: &Span) {
        let mut causes = self.rows.keys();
        if self.are_one
            && let Some(first) = causes.next()
        {
            telemetry::set_parent(span, first);
            causes.for_each(|cause| telemetry::link(span, cause));
        } else {
            self.recorded().for_each(|(cause, _)| telemetry::link(span, cause));
        }
    }
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
    fn rows_of_several_spans_of_one_trace_are_worked_in_it() {
        let again = ONE.replace("b7ad6b7169203331", "c7ad6b7169203331");
        let (given, whole) = worked(&[Some(ONE), Some(&again)]);
        assert_eq!(whole, trace(ONE));
        assert!(given[0] == given[1] && trace(&given[0]) == trace(ONE), "{given:?}");
    }

    #[test]
    fn a_row_of_no_trace_begins_one_and_gets_into_nobody_elses() {
        let (given, whole) = worked(&[None]);
        assert_eq!(trace(&given[0]), whole);
        let (given, whole) = worked(&[Some(ONE), None, None]);
        assert_ne!(whole, trace(ONE));
        assert_eq!([trace(&given[0]), trace(&given[1]), trace(&given[2])], [trace(ONE), &whole, &whole]);
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
