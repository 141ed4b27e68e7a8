use crate::postgres::Error;
use chrono::{DateTime, Utc};
use sqlx::PgConnection;
use uuid::Uuid;

use super::Cursor;

/// An event with its place in the log.
#[derive(Debug, Clone, PartialEq)]
pub struct Stored {
    /// Its number within the epoch that was asked for.
    pub seq: i64,
    /// When it was inserted, on the database's clock.
    pub at: DateTime<Utc>,
    /// Seconds from its insert to this read, on the database's clock.
    pub age_seconds: f64,
    /// Of them, the seconds from its insert to the tick that numbered it.
    pub unnumbered_seconds: f64,
    /// What it says.
    pub event: LogEvent,
}

/// What an event says; the fields are those of the messages in `galaxy.push.v1`.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(missing_docs, reason = "the proto file describes them")]
pub enum LogEvent {
    Client {
        event_id: Uuid,
        user_id: String,
        device_session_id: String,
        kind: String,
        payload: Vec<u8>,
        request_id: String,
        trace_id: String,
        encoding: String,
        traceparent: String,
    },
    Invalidation {
        user_id: String,
        device_session_ids: Vec<String>,
        reason: String,
        traceparent: String,
    },
}

/// The events after a position, in order and without holes: at most `max_rows`, and no more once their payloads are past
/// `max_bytes` (at least one, if there is one).
///
/// Fewer than the log holds may come back, and none when the next event has expired: the first one's number says which.
/// The caller compares it with what it expects, and asks [`bounds`] when they differ.
pub async fn events_after(
    conn: &mut PgConnection,
    after: Cursor,
    max_rows: i32,
    max_bytes: i64,
) -> Result<Vec<Stored>, Error> {
    // The ticks are chosen by their numbers, so that what is sorted is bounded by max_rows and one whole tick; payloads
    // beyond 2 kB stay out of line until the outermost rows are fetched, and octet_length does not fetch them.
    let rows = sqlx::query!(
        r#"
        WITH t AS MATERIALIZED (
            SELECT base_seq, snap, at AS ticked_at, lag(snap) OVER (ORDER BY tick_id) AS prev FROM push_ticks
             WHERE epoch = $1 AND base_seq <= $2::bigint + $3::int
               AND tick_id >= (SELECT tick_id - 1 FROM push_ticks WHERE epoch = $1 AND base_seq <= $2 + 1 ORDER BY base_seq DESC LIMIT 1)
        ),
        numbered AS (
            SELECT t.base_seq + row_number() OVER (PARTITION BY t.base_seq ORDER BY e.ev_id) - 1 AS seq, t.ticked_at, e.*
              FROM t CROSS JOIN LATERAL (
                   SELECT * FROM push_events
                    WHERE xid >= pg_snapshot_xmax(t.prev) AND xid < pg_snapshot_xmax(t.snap) AND pg_visible_in_snapshot(xid, t.snap)
                   UNION ALL
                   SELECT o.* FROM pg_snapshot_xip(t.prev) x
                    CROSS JOIN LATERAL (SELECT * FROM push_events WHERE xid = x OFFSET 0) o WHERE pg_visible_in_snapshot(x, t.snap)) e
             WHERE t.prev IS NOT NULL
        ),
        page AS (
            SELECT *, sum(octet_length(payload)) OVER (ORDER BY seq) - octet_length(payload) AS bytes_before
              FROM numbered WHERE seq > $2 ORDER BY seq LIMIT $3
        )
        SELECT seq AS "seq!", at AS "at!", extract(epoch FROM clock_timestamp() - at)::float8 AS "age!",
               extract(epoch FROM ticked_at - at)::float8 AS "unnumbered!", what AS "what!", event_id,
               user_id AS "user_id!", device_session_id AS "device_session_id!", kind AS "kind!", payload AS "payload!",
               request_id AS "request_id!", trace_id AS "trace_id!", encoding AS "encoding!", device_sessions AS "device_sessions!",
               reason AS "reason!", traceparent AS "traceparent!"
          FROM page WHERE bytes_before < $4::bigint ORDER BY seq
        "#,
        after.epoch,
        after.seq,
        max_rows,
        max_bytes
    )
    .fetch_all(conn)
    .await?;
    Ok(rows
        .into_iter()
        .map(|row| Stored {
            seq: row.seq,
            at: row.at,
            age_seconds: row.age,
            unnumbered_seconds: row.unnumbered,
            event: match row.event_id {
                Some(event_id) => LogEvent::Client {
                    event_id,
                    user_id: row.user_id,
                    device_session_id: row.device_session_id,
                    kind: row.kind,
                    payload: row.payload,
                    request_id: row.request_id,
                    trace_id: row.trace_id,
                    encoding: row.encoding,
                    traceparent: row.traceparent,
                },
                None => LogEvent::Invalidation {
                    user_id: row.user_id,
                    device_session_ids: row.device_sessions,
                    reason: row.reason,
                    traceparent: row.traceparent,
                },
            },
        })
        .collect())
}

/// What the log holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bounds {
    /// The newest event, in the newest epoch.
    pub head: Cursor,
    /// Number of the oldest event within the window; one more than the head when there is none.
    pub oldest: i64,
    /// Number of the oldest event that can still be read: those past their window stay until the next clean-up.
    pub oldest_readable: i64,
}

/// The log's bounds, read now. `None` before the first epoch was opened.
pub async fn bounds(conn: &mut PgConnection, window: std::time::Duration) -> Result<Option<Bounds>, Error> {
    let row = sqlx::query!(
        r#"
        WITH ep AS MATERIALIZED (SELECT max(epoch) AS epoch FROM push_epochs),
        base AS MATERIALIZED (SELECT t.* FROM push_ticks t WHERE t.epoch = (SELECT epoch FROM ep) ORDER BY tick_id LIMIT 1),
        last AS MATERIALIZED (SELECT t.* FROM push_ticks t WHERE t.epoch = (SELECT epoch FROM ep) ORDER BY tick_id DESC LIMIT 1)
        SELECT last.epoch AS "epoch!", last.base_seq + last.n - 1 AS "head!", base.base_seq + base.n AS "readable!",
               (SELECT t.base_seq FROM push_ticks t
                 WHERE t.epoch = (SELECT epoch FROM ep) AND t.tick_id > (SELECT tick_id FROM base)
                   AND t.at >= statement_timestamp() - make_interval(secs => $1) ORDER BY t.tick_id LIMIT 1) AS oldest
          FROM base, last
        "#,
        window.as_secs_f64()
    )
    .fetch_optional(conn)
    .await?;
    Ok(row.map(|row| Bounds {
        head: Cursor { epoch: row.epoch, seq: row.head },
        oldest: row.oldest.unwrap_or(row.head + 1),
        oldest_readable: row.readable,
    }))
}
