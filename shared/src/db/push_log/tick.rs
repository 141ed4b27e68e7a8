use crate::postgres::Error;
use sqlx::PgConnection;

use super::Cursor;

/// What a tick found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tick {
    /// The log's head after it.
    Head {
        /// The newest event; in a fresh epoch sequence 0.
        head: Cursor,
        /// There were new events and another replica's tick took them: the head is higher by now, tick again.
        lost: bool,
        /// How many events this tick added; 0 when there were none, or when it lost.
        added: i64,
    },
    /// No epoch, or not of this database, or its head is below what the caller remembers: [`super::open_epoch`] is due.
    Unsound,
}

/// Takes in what has been committed since the last tick. Any replica may run it at any time: the primary key decides.
///
/// One statement, so one snapshot: the one that is compared, counted with and stored. Its commit is synchronous whatever
/// the role's setting, otherwise a crash could give the same numbers to other events; what it counted is flushed with it.
pub async fn tick(conn: &mut PgConnection, remembered: Option<Cursor>) -> Result<Tick, Error> {
    let remembered = remembered.unwrap_or(Cursor { epoch: 0, seq: 0 });
    // Scalar sub-selects in the index conditions: the planner sees parameters and reads the index on (xid, ev_id) of each
    // slot; a join against the snapshot it may plan otherwise. OFFSET 0 keeps it from joining the few transactions that were
    // under way any other way than one by one.
    let row = sqlx::query!(
        r#"
        WITH ep AS MATERIALIZED (SELECT * FROM push_epochs ORDER BY epoch DESC LIMIT 1),
        last AS MATERIALIZED (
            SELECT tick_id, base_seq + n AS next, snap FROM push_ticks
             WHERE epoch = (SELECT epoch FROM ep) ORDER BY tick_id DESC LIMIT 1
        ),
        now_ AS MATERIALIZED (SELECT pg_current_snapshot() AS s),
        sound AS MATERIALIZED (
            SELECT ep.system_identifier = (SELECT system_identifier::text FROM pg_control_system())
               AND ep.timeline = left(pg_walfile_name(pg_current_wal_lsn()), 8)
               AND ep.database_oid = (SELECT oid FROM pg_database WHERE datname = current_database())
               AND ep.ticks_oid = 'push_ticks'::regclass::oid
               AND (ep.epoch, last.next - 1) >= ($1::int, $2::bigint) AS ok
              FROM ep, last
        ),
        cnt AS MATERIALIZED (
            SELECT (SELECT count(*) FROM push_events
                     WHERE xid >= (SELECT pg_snapshot_xmax(snap) FROM last) AND xid < (SELECT pg_snapshot_xmax(s) FROM now_)
                       AND pg_visible_in_snapshot(xid, (SELECT s FROM now_)))
                 + (SELECT count(*) FROM last, now_, pg_snapshot_xip(last.snap) x
                     CROSS JOIN LATERAL (SELECT FROM push_events WHERE xid = x OFFSET 0) e WHERE pg_visible_in_snapshot(x, now_.s)) AS n
        ),
        written AS (
            INSERT INTO push_ticks (epoch, tick_id, base_seq, n, snap)
            SELECT ep.epoch, last.tick_id + 1, last.next, cnt.n, now_.s FROM ep, last, now_, cnt, sound
             WHERE cnt.n > 0 AND sound.ok
            ON CONFLICT DO NOTHING RETURNING n
        )
        SELECT ep.epoch AS "epoch!", last.next AS "next!", sound.ok AS "sound!", cnt.n AS "found!",
               (SELECT n FROM written)::bigint AS written,
               CASE WHEN current_setting('synchronous_commit') = 'off' THEN set_config('synchronous_commit', 'on', true) END AS _commit
          FROM ep, last, cnt, sound
        "#,
        remembered.epoch,
        remembered.seq,
    )
    .fetch_optional(conn)
    .await?;
    Ok(match row {
        Some(row) if row.sound => {
            let added = row.written.unwrap_or(0);
            let head = Cursor { epoch: row.epoch, seq: row.next - 1 + added };
            Tick::Head { head, lost: row.found > 0 && row.written.is_none(), added }
        }
        _ => Tick::Unsound,
    })
}
