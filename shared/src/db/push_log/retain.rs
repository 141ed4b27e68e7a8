use crate::db::InTransaction;
use crate::postgres::Error;
use std::time::Duration;

use sqlx::{AssertSqlSafe, PgConnection};

/// The longest window that the ring of slots can hold: eight slots of an hour, less the one being written, less an hour
/// in which the oldest is emptied.
pub const MAX_WINDOW: Duration = Duration::from_secs(6 * 3600);

const SLOTS: i16 = 8;

/// Deletes the ticks older than `window`, at most `limit` of them, and those of earlier epochs; answers how many. The one
/// before the oldest kept stays, since its snapshot bounds that one; so the head always stays.
pub async fn expire_ticks(conn: &mut PgConnection, window: Duration, limit: i64) -> Result<u64, Error> {
    let done = sqlx::query!(
        r#"
        WITH ep AS MATERIALIZED (SELECT max(epoch) AS epoch FROM push_epochs),
        expired AS MATERIALIZED (
            SELECT tick_id, at FROM push_ticks WHERE epoch = (SELECT epoch FROM ep) ORDER BY tick_id LIMIT $2::bigint + 1
        ),
        base AS MATERIALIZED (
            SELECT coalesce(
                (SELECT min(tick_id) - 1 FROM expired WHERE at >= statement_timestamp() - make_interval(secs => $1)),
                (SELECT max(tick_id) FROM expired)) AS tick_id
        )
        DELETE FROM push_ticks
         WHERE (epoch, tick_id) IN (
               SELECT ep.epoch, expired.tick_id FROM ep, expired, base WHERE expired.tick_id < base.tick_id
               UNION ALL
               (SELECT t.epoch, t.tick_id FROM push_ticks t WHERE t.epoch < (SELECT epoch FROM ep) LIMIT $2))
        "#,
        window.as_secs_f64(),
        limit
    )
    .execute(conn)
    .await?;
    Ok(done.rows_affected())
}

/// Forgets event ids older than `keep`, at most `limit`; answers how many. An id published again after that is a new event.
pub async fn forget_ids(conn: &mut PgConnection, keep: Duration, limit: i64) -> Result<u64, Error> {
    let done = sqlx::query!(
        r#"
        WITH old AS MATERIALIZED (
            SELECT event_id FROM push_event_ids WHERE at < statement_timestamp() - make_interval(secs => $1)
             ORDER BY at LIMIT $2 FOR UPDATE SKIP LOCKED
        )
        DELETE FROM push_event_ids i USING old WHERE i.event_id = old.event_id
        "#,
        keep.as_secs_f64(),
        limit
    )
    .execute(conn)
    .await?;
    Ok(done.rows_affected())
}

/// Slots worth trying to empty: they hold something, and are not the one being written.
pub async fn filled_slots(conn: &mut PgConnection) -> Result<Vec<i16>, Error> {
    Ok(sqlx::query_scalar!(
        r#"
        SELECT s::smallint AS "slot!" FROM generate_series(0, $1::int - 1) s
         WHERE s <> (extract(epoch FROM clock_timestamp())::bigint / 3600) % $1 AND EXISTS (SELECT FROM push_events e WHERE e.slot = s)
        "#,
        i32::from(SLOTS)
    )
    .fetch_all(conn)
    .await?)
}

/// Empties a slot by TRUNCATE if no kept tick refers to anything in it; answers whether it did. Run it in a transaction of
/// its own.
///
/// The lock is taken without waiting, since everybody would wait behind it; and while it is held no writer's transaction
/// has uncommitted events in the slot.
///
/// # Errors
/// What Postgres answers; the lock being held by somebody (SQLSTATE 55P03) means: later.
pub async fn empty_slot(tx: &mut impl InTransaction, slot: i16) -> Result<bool, Error> {
    let conn = &mut **tx;
    let table = format!("push_events_{slot}");
    sqlx::raw_sql(AssertSqlSafe(format!("LOCK TABLE ONLY {table} IN ACCESS EXCLUSIVE MODE NOWAIT")))
        .execute(&mut *conn)
        .await?;
    let expired = sqlx::query_scalar!(
        r#"
        WITH base AS MATERIALIZED (
            SELECT snap FROM push_ticks WHERE epoch = (SELECT max(epoch) FROM push_epochs) ORDER BY tick_id LIMIT 1
        )
        SELECT EXISTS (SELECT FROM base)
           AND NOT EXISTS (SELECT FROM push_events WHERE slot = $1 AND xid >= (SELECT pg_snapshot_xmax(snap) FROM base))
           AND NOT EXISTS (SELECT FROM push_events
               WHERE slot = $1 AND xid = ANY (ARRAY(SELECT pg_snapshot_xip(snap) FROM base))) AS "expired!"
        "#,
        slot
    )
    .fetch_one(&mut *conn)
    .await?;
    if expired {
        sqlx::raw_sql(AssertSqlSafe(format!("TRUNCATE ONLY {table}"))).execute(conn).await?;
    }
    Ok(expired)
}
