//! A route as a client event.

use shared::client_events;
use shared::db::notifications::Dispatch as Route;
use shared::proto::push::ClientEvent;
use shared::queue::Claim;

/// The event of a push route, or why there is none.
pub(super) fn of(claim: &Claim, route: &Route) -> Result<ClientEvent, String> {
    let notice = &route.notice;
    let user_id = route.user_id.ok_or("a push route without a user")?;
    let (payload, encoding) = match &notice.payload {
        Ok(payload) => (client_events::encode(payload), client_events::FLATBUFFERS),
        Err(_) => (serde_json::to_vec(&notice.json).map_err(|e| e.to_string())?, client_events::JSON),
    };
    Ok(ClientEvent {
        user_id: user_id.to_string(),
        device_session_id: String::new(),
        kind: notice.kind.clone(),
        payload: payload.into(),
        event_id: route.route_id.to_string(),
        request_id: notice.idempotency_key.clone(),
        trace_id: claim.traceparent.as_deref().and_then(trace_id).unwrap_or_default().to_owned(),
        encoding: encoding.to_owned(),
        traceparent: claim.traceparent.clone().unwrap_or_default(),
    })
}

/// The trace id of a W3C `traceparent` (Trace Context §3.2.2): version, 32 hex digits, …
fn trace_id(traceparent: &str) -> Option<&str> {
    let id = traceparent.split('-').nth(1)?;
    let hex = id.len() == 32 && id.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
    (hex && id.bytes().any(|b| b != b'0')).then_some(id)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_trace_goes_on_where_there_is_one() {
        let id = "4bf92f3577b34da6a3ce929d0e0e4736";
        assert_eq!(trace_id(&format!("00-{id}-00f067aa0ba902b7-01")), Some(id));
        for none in ["", "00", "00-xyz-1-1", "00-00000000000000000000000000000000-00f067aa0ba902b7-01"] {
            assert_eq!(trace_id(none), None, "{none}");
        }
    }
}
