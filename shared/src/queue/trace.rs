//! Spans around work, tied to the requests that caused the rows.

use tracing::{Span, field::Empty, info_span};

use super::Claim;
use crate::service::telemetry;

/// The span of one call of work: for a single row the trace of its request goes on, a batch is linked to each.
pub(super) fn span(queue: &'static str, claims: &[Claim]) -> Span {
    let span = info_span!(
        parent: None, "queue.work", queue, rows = claims.len(), row_id = Empty, attempt_no = Empty, request_id = Empty
    );
    match claims {
        [claim] => {
            if let Some(traceparent) = &claim.traceparent {
                telemetry::set_parent(&span, traceparent);
            }
            span.record("row_id", tracing::field::display(claim.id));
            span.record("attempt_no", claim.attempt_no);
            if let Some(request_id) = &claim.request_id {
                span.record("request_id", request_id.as_str());
            }
        }
        claims => {
            for traceparent in claims.iter().filter_map(|c| c.traceparent.as_deref()) {
                telemetry::link(&span, traceparent);
            }
        }
    }
    span
}
