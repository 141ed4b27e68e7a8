use sqlx::PgConnection;
use uuid::Uuid;

use crate::postgres::Error;
use crate::{
    ids::{DeviceSessionId, UserId},
    service::telemetry::current_traceparent,
};

/// A client event to append; the fields are those of `galaxy.push.v1.ClientEvent`.
#[derive(Debug, Clone)]
#[expect(missing_docs, reason = "the proto file describes them")]
pub struct NewEvent<'a> {
    pub event_id: Uuid,
    pub user_id: &'a str,
    pub device_session_id: &'a str,
    pub kind: &'a str,
    pub payload: &'a [u8],
    pub request_id: &'a str,
    pub trace_id: &'a str,
    pub traceparent: &'a str,
    pub encoding: &'a str,
}

/// Appends a session invalidation; call it in the transaction that revokes, while that holds the sessions' rows, and
/// `waker.wake(Topic::PushLog)` after the commit. Rolled back, it was never there.
///
/// Empty `sessions` means all of the user's. The trace of the current span goes on in whoever is told.
pub async fn append_invalidation(
    conn: &mut PgConnection,
    user_id: UserId,
    sessions: &[DeviceSessionId],
    reason: &str,
) -> Result<(), Error> {
    let sessions: Vec<String> = sessions.iter().map(ToString::to_string).collect();
    sqlx::query!(
        "INSERT INTO push_events (what, user_id, device_sessions, reason, traceparent) VALUES ('invalidation', $1, $2, $3, $4)",
        user_id.to_string(),
        &sessions,
        reason,
        current_traceparent().unwrap_or_default()
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Appends client events in the order given and answers the ids that were new; the others had been appended before, and
/// their first content stays. An id must not stand twice in `events`. After the commit: tick, or wake who does.
pub async fn append_events(conn: &mut PgConnection, events: &[NewEvent<'_>]) -> Result<Vec<Uuid>, Error> {
    fn texts<'a>(events: &[NewEvent<'a>], field: impl Fn(&NewEvent<'a>) -> &'a str) -> Vec<String> {
        events.iter().map(|e| field(e).to_owned()).collect()
    }
    let ids: Vec<Uuid> = events.iter().map(|e| e.event_id).collect();
    let payloads: Vec<&[u8]> = events.iter().map(|e| e.payload).collect();
    // Numbers are drawn in request order first; then the ids go in sorted, since two overlapping batches in different
    // orders would deadlock; then the events of those ids that were new.
    Ok(sqlx::query_scalar!(
        r#"
        WITH numbered AS MATERIALIZED (
            SELECT nextval('push_events_ev_id_seq') AS ev_id, i.*
              FROM (SELECT * FROM unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::bytea[], $6::text[], $7::text[],
                                         $8::text[], $9::text[])
                         WITH ORDINALITY AS u(event_id, user_id, device_session_id, kind, payload, request_id, trace_id,
                                              encoding, traceparent, ord)
                     ORDER BY ord) i
        ), fresh AS (
            INSERT INTO push_event_ids (event_id, ev_id)
            SELECT event_id, ev_id FROM numbered ORDER BY event_id
            ON CONFLICT DO NOTHING RETURNING event_id
        )
        INSERT INTO push_events (ev_id, what, event_id, user_id, device_session_id, kind, payload, request_id, trace_id,
                                 encoding, traceparent)
        SELECT n.ev_id, 'client', n.event_id, n.user_id, n.device_session_id, n.kind, n.payload, n.request_id, n.trace_id,
               n.encoding, n.traceparent
          FROM numbered n JOIN fresh USING (event_id)
        RETURNING event_id AS "event_id!"
        "#,
        &ids,
        &texts(events, |e| e.user_id),
        &texts(events, |e| e.device_session_id),
        &texts(events, |e| e.kind),
        &payloads as &[&[u8]],
        &texts(events, |e| e.request_id),
        &texts(events, |e| e.trace_id),
        &texts(events, |e| e.encoding),
        &texts(events, |e| e.traceparent),
    )
    .fetch_all(conn)
    .await?)
}
