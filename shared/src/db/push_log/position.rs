use crate::postgres::Error;
use sqlx::PgConnection;
use uuid::Uuid;

use super::Cursor;

/// Where a published event stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// It has its number.
    At(Cursor),
    /// No tick has taken it in yet: tick and ask again.
    Pending,
    /// It had a number once; it is no longer kept.
    Gone,
}

/// The places of published events, in no particular order. An id that is not known does not come back.
pub async fn positions(conn: &mut PgConnection, event_ids: &[Uuid]) -> Result<Vec<(Uuid, Place)>, Error> {
    // Visibility only ever grows along the ticks, and their ids are dense: the tick of a transaction is found by halving.
    let rows = sqlx::query!(
        r#"
        WITH RECURSIVE ep AS MATERIALIZED (SELECT max(epoch) AS epoch FROM push_epochs),
        want AS MATERIALIZED (SELECT event_id, ev_id, xid FROM push_event_ids WHERE event_id = ANY ($1)),
        base AS MATERIALIZED (SELECT t.* FROM push_ticks t WHERE t.epoch = (SELECT epoch FROM ep) ORDER BY tick_id LIMIT 1),
        last AS MATERIALIZED (SELECT t.* FROM push_ticks t WHERE t.epoch = (SELECT epoch FROM ep) ORDER BY tick_id DESC LIMIT 1),
        halving AS (
            SELECT x.xid, base.tick_id AS lo, last.tick_id AS hi FROM (SELECT DISTINCT xid FROM want) x, base, last
             WHERE NOT pg_visible_in_snapshot(x.xid, base.snap) AND pg_visible_in_snapshot(x.xid, last.snap)
            UNION ALL
            SELECT h.xid, CASE WHEN pg_visible_in_snapshot(h.xid, mid.snap) THEN h.lo ELSE mid.tick_id END,
                   CASE WHEN pg_visible_in_snapshot(h.xid, mid.snap) THEN mid.tick_id ELSE h.hi END
              FROM halving h JOIN push_ticks mid ON mid.epoch = (SELECT epoch FROM ep) AND mid.tick_id = (h.lo + h.hi) / 2
             WHERE h.hi - h.lo > 1
        ),
        ticks AS MATERIALIZED (
            SELECT DISTINCT ON (t.tick_id) t.base_seq, t.snap, p.snap AS prev
              FROM halving h
              JOIN push_ticks t ON t.epoch = (SELECT epoch FROM ep) AND t.tick_id = h.hi
              JOIN push_ticks p ON p.epoch = (SELECT epoch FROM ep) AND p.tick_id = h.hi - 1
             WHERE h.hi - h.lo = 1
        ),
        numbered AS MATERIALIZED (
            SELECT e.ev_id, t.base_seq + row_number() OVER (PARTITION BY t.base_seq ORDER BY e.ev_id) - 1 AS seq
              FROM ticks t CROSS JOIN LATERAL (
                   SELECT ev_id FROM push_events
                    WHERE xid >= pg_snapshot_xmax(t.prev) AND xid < pg_snapshot_xmax(t.snap) AND pg_visible_in_snapshot(xid, t.snap)
                   UNION ALL
                   SELECT o.ev_id FROM pg_snapshot_xip(t.prev) x
                    CROSS JOIN LATERAL (SELECT ev_id FROM push_events WHERE xid = x OFFSET 0) o WHERE pg_visible_in_snapshot(x, t.snap)) e
        )
        SELECT w.event_id AS "event_id!", (SELECT epoch FROM ep) AS "epoch!", n.seq AS "seq?",
               NOT pg_visible_in_snapshot(w.xid, (SELECT snap FROM last)) AS "pending!"
          FROM want w LEFT JOIN numbered n USING (ev_id)
        "#,
        event_ids
    )
    .fetch_all(conn)
    .await?;
    Ok(rows
        .into_iter()
        .map(|row| {
            let place = match row.seq {
                Some(seq) => Place::At(Cursor { epoch: row.epoch, seq }),
                None if row.pending => Place::Pending,
                None => Place::Gone,
            };
            (row.event_id, place)
        })
        .collect())
}
