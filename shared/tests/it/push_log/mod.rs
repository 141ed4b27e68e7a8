//! The push log's SQL against the real Postgres (SPEC §12, QUEUE-AND-LOG §4 and §5).

mod append;
mod epochs;
mod order;
mod plans;
mod retention;

use shared::db::push_log::{self, Cursor, LogEvent, NewEvent, Stored, Tick};
use shared::ids::RouteId;
use sqlx::{Connection as _, PgConnection};
use uuid::Uuid;

/// A log that is open, at its beginning.
async fn open(conn: &mut PgConnection) -> Cursor {
    assert_eq!(push_log::tick(conn, None).await.unwrap(), Tick::Unsound);
    let mut tx = conn.begin().await.unwrap();
    let opened = push_log::open_epoch(&mut tx, None).await.unwrap();
    tx.commit().await.unwrap();
    opened
}

fn id() -> Uuid {
    RouteId::new().uuid()
}

fn event(event_id: Uuid, user_id: &str) -> NewEvent<'_> {
    NewEvent {
        event_id,
        user_id,
        device_session_id: "",
        kind: "game.turn.ready",
        payload: b"payload",
        request_id: "",
        trace_id: "",
        traceparent: "",
        encoding: "json",
    }
}

async fn append(conn: &mut PgConnection, user_id: &str) -> Uuid {
    let event_id = id();
    assert_eq!(push_log::append_events(conn, &[event(event_id, user_id)]).await.unwrap(), [event_id]);
    event_id
}

/// Ticks until nothing is new, and answers the head.
async fn settle(conn: &mut PgConnection) -> Cursor {
    loop {
        if let Tick::Head { head, lost: false, added: 0 } = push_log::tick(conn, None).await.unwrap() {
            return head;
        }
    }
}

/// Everything after a position, read in pages of a given size.
async fn read_all(conn: &mut PgConnection, after: Cursor, page: i32) -> Vec<Stored> {
    let mut all: Vec<Stored> = Vec::new();
    loop {
        let at = after.at(all.last().map_or(after.seq, |stored| stored.seq));
        let rows = push_log::events_after(conn, at, page, 1 << 20).await.unwrap();
        if rows.is_empty() {
            return all;
        }
        all.extend(rows);
    }
}

fn seqs(stored: &[Stored]) -> Vec<i64> {
    stored.iter().map(|stored| stored.seq).collect()
}

fn user(stored: &Stored) -> &str {
    match &stored.event {
        LogEvent::Client { user_id, .. } | LogEvent::Invalidation { user_id, .. } => user_id,
    }
}
