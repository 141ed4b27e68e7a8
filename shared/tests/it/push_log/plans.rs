use std::time::Duration;

use shared::db::push_log;
use sqlx::{Executor as _, PgConnection};
use testkit::TestDb;

use super::{append, id, open, settle};

/// Rows that sequential scans have read in the log's tables so far.
async fn scanned(conn: &mut PgConnection) -> i64 {
    conn.execute("SELECT pg_stat_force_next_flush()").await.unwrap();
    sqlx::query_scalar(
        "SELECT sum(seq_tup_read)::bigint FROM pg_stat_user_tables WHERE relname LIKE 'push\\_events\\_%'
         OR relname IN ('push_ticks', 'push_event_ids')",
    )
    .fetch_one(conn)
    .await
    .unwrap()
}

/// Judged by what the executed plans really read, in custom and in generic plans, which EXPLAIN of a copied text cannot.
#[tokio::test]
async fn the_tail_is_read_through_indexes_however_much_the_log_holds() {
    let db = TestDb::new().await;
    let mut conn = db.connect().await;
    let start = open(&mut conn).await;
    // Four slots of ten thousand events each, in forty ticks, as a busy hour leaves them.
    for i in 0..40_i16 {
        sqlx::query(
            "WITH e AS (INSERT INTO push_events (slot, what, event_id, user_id)
                        SELECT $1, 'client', gen_random_uuid(), 'u' FROM generate_series(1, 1000) RETURNING event_id, ev_id)
             INSERT INTO push_event_ids (event_id, ev_id) SELECT event_id, ev_id FROM e",
        )
        .bind(i % 4)
        .execute(&mut conn)
        .await
        .unwrap();
        settle(&mut conn).await;
    }
    // And the ticks of a while, here of an epoch past.
    conn.execute(
        "INSERT INTO push_ticks (epoch, tick_id, base_seq, n, snap) SELECT 1, i, i, 1, '3:3:'::pg_snapshot
         FROM generate_series(1, 10000) i",
    )
    .await
    .unwrap();
    for analyzed in [false, true] {
        if analyzed {
            conn.execute("ANALYZE push_events, push_ticks, push_event_ids").await.unwrap();
        }
        // What filled the tables has counts of its own, which would otherwise be added when that connection has idled for long enough.
        conn.execute("SELECT pg_stat_force_next_flush()").await.unwrap();
        // A connection whose statements are prepared anew, as a replica's after a start.
        let mut fresh = db.connect().await;
        let before = scanned(&mut fresh).await;
        for _ in 0..8 {
            let new = append(&mut fresh, "u").await;
            let head = settle(&mut fresh).await;
            push_log::events_after(&mut fresh, head.at(head.seq - 1), 500, 1 << 20).await.unwrap();
            push_log::events_after(&mut fresh, start.at(20_500), 200, 1 << 20).await.unwrap();
            push_log::bounds(&mut fresh, Duration::from_secs(300)).await.unwrap();
            push_log::positions(&mut fresh, &[new, id()]).await.unwrap();
        }
        let read = scanned(&mut fresh).await - before;
        // One sequential scan of any of these tables would read ten thousand.
        assert!(read < 5_000, "{read} rows by sequential scans (analyzed: {analyzed})");
    }
}
