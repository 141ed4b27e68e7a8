//! Frames: what the log holds, as `galaxy.push.v1` says it.

use shared::db::push_log::{LogEvent, Stored};
use shared::proto::push::{ClientEvent, SessionInvalidation, push_event::Kind};
use tokio::time::Instant;

use super::log::Entry;

/// What an entry takes in memory besides its texts and payload, roughly.
const OVERHEAD: usize = 256;

pub(super) fn entry(stored: Stored) -> Entry {
    let (kind, bytes) = match stored.event {
        LogEvent::Client {
            event_id,
            user_id,
            device_session_id,
            kind,
            payload,
            request_id,
            trace_id,
            encoding,
            traceparent,
        } => {
            let bytes =
                payload.len() + user_id.len() + kind.len() + request_id.len() + trace_id.len() + traceparent.len();
            let event = ClientEvent {
                user_id,
                device_session_id,
                kind,
                payload: payload.into(),
                event_id: event_id.to_string(),
                request_id,
                trace_id,
                encoding,
                traceparent,
            };
            (Kind::ClientEvent(event), bytes)
        }
        LogEvent::Invalidation { user_id, device_session_ids, reason, traceparent } => {
            let bytes = user_id.len() + reason.len() + device_session_ids.iter().map(|id| id.len() + 32).sum::<usize>();
            (Kind::SessionInvalidation(SessionInvalidation { user_id, device_session_ids, reason, traceparent }), bytes)
        }
    };
    Entry { seq: stored.seq, kind, bytes: bytes + OVERHEAD, read: Instant::now() }
}

/// The trace context of what a frame tells.
pub(super) fn traceparent(kind: &mut Kind) -> Option<&mut String> {
    match kind {
        Kind::ClientEvent(event) => Some(&mut event.traceparent),
        Kind::SessionInvalidation(gone) => Some(&mut gone.traceparent),
        Kind::Hello(_) | Kind::ResumeGap(_) | Kind::Bookmark(_) => None,
    }
}

/// The label of a frame in `grpc_push_events_total`: the catalogue kind of a client event, else the frame's own name.
pub(super) fn label(kind: &Kind) -> &str {
    match kind {
        Kind::ClientEvent(event) => &event.kind,
        Kind::SessionInvalidation(_) => "session_invalidation",
        Kind::Hello(_) => "hello",
        Kind::ResumeGap(_) => "resume_gap",
        Kind::Bookmark(_) => "bookmark",
    }
}
