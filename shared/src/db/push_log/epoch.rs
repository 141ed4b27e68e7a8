use crate::db::InTransaction;
use crate::postgres::Error;

use super::Cursor;

/// Opens a new epoch where [`super::tick()`] said that the newest is not sound, and answers the newest epoch's head. Safe
/// to call from many replicas: a lock lets one open it, the others find it sound.
///
/// The new number is above the stored ones, above what this process remembers, and, so that even a database restored to
/// before the last epoch gets a fresh one, at least the number of six-hour periods since 2026-01-01.
///
/// Run it in a transaction of its own, at READ COMMITTED.
pub async fn open_epoch(tx: &mut impl InTransaction, remembered: Option<Cursor>) -> Result<Cursor, Error> {
    let conn = &mut **tx;
    let remembered = remembered.unwrap_or(Cursor { epoch: 0, seq: 0 });
    // Waits for ticks under way and holds off later ones, so that the snapshot copied below is the last.
    sqlx::query!("LOCK TABLE push_epochs, push_ticks IN SHARE ROW EXCLUSIVE MODE").execute(&mut *conn).await?;
    let stored = sqlx::query!(
        r#"
        SELECT ep.epoch, last.next - 1 AS "head!", ep.timeline = left(pg_walfile_name(pg_current_wal_lsn()), 8) AS "same_timeline!",
               ep.system_identifier = (SELECT system_identifier::text FROM pg_control_system())
               AND ep.database_oid = (SELECT oid FROM pg_database WHERE datname = current_database())
               AND ep.ticks_oid = 'push_ticks'::regclass::oid AS "same_database!"
          FROM push_epochs ep
         CROSS JOIN LATERAL (SELECT base_seq + n AS next FROM push_ticks t WHERE t.epoch = ep.epoch ORDER BY tick_id DESC LIMIT 1) last
         ORDER BY ep.epoch DESC LIMIT 1
        "#
    )
    .fetch_optional(&mut *conn)
    .await?;
    if let Some(stored) = &stored {
        let head = Cursor { epoch: stored.epoch, seq: stored.head };
        if stored.same_database && stored.same_timeline && head >= remembered {
            return Ok(head); // somebody else was here first
        }
    }
    let epoch = sqlx::query_scalar!(
        r#"
        INSERT INTO push_epochs (epoch, system_identifier, timeline, database_oid, ticks_oid)
        SELECT greatest((SELECT coalesce(max(epoch), 0) + 1 FROM push_epochs), $1::int + 1,
                        floor(extract(epoch FROM clock_timestamp() - '2026-01-01 00:00:00+00'::timestamptz) / 21600)::int),
               (SELECT system_identifier::text FROM pg_control_system()), left(pg_walfile_name(pg_current_wal_lsn()), 8),
               (SELECT oid FROM pg_database WHERE datname = current_database()), 'push_ticks'::regclass::oid
        RETURNING epoch
        "#,
        remembered.epoch
    )
    .fetch_one(&mut *conn)
    .await?;
    if stored.as_ref().is_some_and(|s| !s.same_database) {
        // A restored dump: the transaction numbers in it belong to another cluster and mean nothing in this one.
        sqlx::query!("TRUNCATE push_events, push_event_ids").execute(&mut *conn).await?;
        sqlx::query!(
            "INSERT INTO push_ticks (epoch, tick_id, base_seq, n, snap) VALUES ($1, 0, 0, 1, pg_current_snapshot())",
            epoch
        )
        .execute(&mut *conn)
        .await?;
    } else {
        // The same data: the snapshot goes over, so that what was not numbered yet will be. In a fresh database it is one
        // that sees nothing, so that events from before the first tick count too.
        sqlx::query!(
            "INSERT INTO push_ticks (epoch, tick_id, base_seq, n, snap)
             SELECT $1, 0, 0, 1, coalesce((SELECT snap FROM push_ticks WHERE epoch = $2::int
                 ORDER BY tick_id DESC LIMIT 1), '1:1:'::pg_snapshot)",
            epoch,
            stored.as_ref().map(|s| s.epoch)
        )
        .execute(&mut *conn)
        .await?;
    }
    Ok(Cursor { epoch, seq: 0 })
}
