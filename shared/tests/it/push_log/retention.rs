use std::time::Duration;

use shared::db::push_log::{self, Place};
use sqlx::{Connection as _, Executor as _, PgConnection};
use testkit::TestDb;

use super::{append, id, open, read_all, seqs, settle};

const WINDOW: Duration = Duration::from_secs(60);

/// Makes the ticks up to a sequence older than the window.
async fn age(conn: &mut PgConnection, up_to: i64) {
    sqlx::query("UPDATE push_ticks SET at = at - interval '2 minutes' WHERE base_seq <= $1")
        .bind(up_to)
        .execute(conn)
        .await
        .unwrap();
}

async fn bounds(conn: &mut PgConnection) -> (i64, i64, i64) {
    let bounds = push_log::bounds(conn, WINDOW).await.unwrap().unwrap();
    (bounds.oldest_readable, bounds.oldest, bounds.head.seq)
}

#[tokio::test]
async fn ticks_expire_by_age_and_the_one_before_the_oldest_kept_stays() {
    let db = TestDb::new().await;
    let mut conn = db.connect().await;
    assert_eq!(push_log::bounds(&mut conn, WINDOW).await.unwrap(), None);
    let start = open(&mut conn).await;
    assert_eq!(bounds(&mut conn).await, (1, 1, 0));
    let mut ids = Vec::new();
    for _ in 0..10 {
        ids.push(append(&mut conn, "u").await);
        settle(&mut conn).await;
    }
    assert_eq!(bounds(&mut conn).await, (1, 1, 10));
    age(&mut conn, 6).await;
    assert_eq!(bounds(&mut conn).await, (1, 7, 10), "expired at once, readable until the clean-up");
    assert_eq!(push_log::expire_ticks(&mut conn, WINDOW, 2).await.unwrap(), 2, "in small batches");
    assert_eq!(push_log::expire_ticks(&mut conn, WINDOW, 100).await.unwrap(), 4);
    assert_eq!(push_log::expire_ticks(&mut conn, WINDOW, 100).await.unwrap(), 0);
    assert_eq!(bounds(&mut conn).await, (7, 7, 10));
    assert_eq!(seqs(&read_all(&mut conn, start.at(6), 100).await), [7, 8, 9, 10]);
    assert!(read_all(&mut conn, start.at(3), 100).await.is_empty(), "past the hole nothing is read by accident");
    let places: std::collections::HashMap<_, _> =
        push_log::positions(&mut conn, &ids).await.unwrap().into_iter().collect();
    assert_eq!(places[&ids[5]], Place::Gone);
    assert_eq!(places[&ids[6]], Place::At(start.at(7)));

    age(&mut conn, 10).await;
    push_log::expire_ticks(&mut conn, WINDOW, 100).await.unwrap();
    assert_eq!(bounds(&mut conn).await, (11, 11, 10), "the head stays for ever");
    append(&mut conn, "u").await;
    assert_eq!(settle(&mut conn).await, start.at(11));
    assert_eq!(bounds(&mut conn).await, (11, 11, 11));
}

#[tokio::test]
async fn ids_outlive_their_events_for_as_long_as_they_are_kept() {
    let db = TestDb::new().await;
    let mut conn = db.connect().await;
    open(&mut conn).await;
    let (old, new) = (append(&mut conn, "u").await, append(&mut conn, "u").await);
    sqlx::query("UPDATE push_event_ids SET at = at - interval '2 days' WHERE event_id = $1")
        .bind(old)
        .execute(&mut conn)
        .await
        .unwrap();
    assert_eq!(push_log::forget_ids(&mut conn, Duration::from_secs(86_400), 100).await.unwrap(), 1);
    settle(&mut conn).await;
    let known: Vec<_> =
        push_log::positions(&mut conn, &[old, new]).await.unwrap().into_iter().map(|(id, _)| id).collect();
    assert_eq!(known, [new]);
}

/// Writes an event into a slot of choice, as a transaction does that began hours ago.
async fn append_into(conn: &mut PgConnection, slot: i16) {
    sqlx::query("INSERT INTO push_events (slot, what, event_id, user_id) VALUES ($1, 'client', $2, 'u')")
        .bind(slot)
        .bind(id())
        .execute(conn)
        .await
        .unwrap();
}

async fn other_slot(conn: &mut PgConnection) -> i16 {
    sqlx::query_scalar("SELECT ((extract(epoch FROM clock_timestamp())::bigint / 3600 + 4) % 8)::smallint")
        .fetch_one(conn)
        .await
        .unwrap()
}

#[tokio::test]
async fn a_slot_is_emptied_once_no_kept_tick_refers_to_it_and_not_while_it_is_written() {
    let db = TestDb::new().await;
    let (mut conn, mut writer) = (db.connect().await, db.connect().await);
    open(&mut conn).await;
    let slot = other_slot(&mut conn).await;
    append_into(&mut conn, slot).await;
    append(&mut conn, "u").await; // the slot being written now is never offered
    settle(&mut conn).await;
    assert_eq!(push_log::filled_slots(&mut conn).await.unwrap(), [slot]);
    assert!(!empty(&mut conn, slot).await.unwrap(), "a kept tick refers to it");

    age(&mut conn, 2).await;
    append(&mut conn, "u").await;
    settle(&mut conn).await;
    assert!(!empty(&mut conn, slot).await.unwrap(), "expired is not yet removed");
    push_log::expire_ticks(&mut conn, WINDOW, 100).await.unwrap();

    let mut tx = writer.begin().await.unwrap();
    append_into(&mut tx, slot).await;
    let error = empty(&mut conn, slot).await.unwrap_err();
    assert!(error.is_locked(), "{error}");
    tx.commit().await.unwrap();
    assert!(!empty(&mut conn, slot).await.unwrap(), "committed late, not numbered yet");
    let head = settle(&mut conn).await;
    assert_eq!(read_all(&mut conn, head.at(head.seq - 1), 10).await.len(), 1);

    age(&mut conn, head.seq).await;
    push_log::expire_ticks(&mut conn, WINDOW, 100).await.unwrap();
    assert!(empty(&mut conn, slot).await.unwrap());
    assert!(push_log::filled_slots(&mut conn).await.unwrap().is_empty());
    assert_eq!(settle(&mut conn).await, head, "numbers go on where they were");
}

async fn empty(conn: &mut PgConnection, slot: i16) -> Result<bool, shared::db::Error> {
    let mut tx = conn.begin().await?;
    let done = push_log::empty_slot(&mut tx, slot).await;
    tx.commit().await?;
    done
}

#[tokio::test]
async fn the_ring_is_large_enough_for_the_longest_window() {
    // The slot of an hour comes round after eight; by then the longest window and an hour to empty it have passed.
    assert!(push_log::MAX_WINDOW + Duration::from_secs(2 * 3600) <= Duration::from_secs(8 * 3600));
    let db = TestDb::new().await;
    let slots: i64 = sqlx::query_scalar("SELECT count(*) FROM pg_inherits WHERE inhparent = 'push_events'::regclass")
        .fetch_one(&db.pool())
        .await
        .unwrap();
    assert_eq!(slots, 8);
    let mut conn = db.connect().await;
    conn.execute("INSERT INTO push_events (what, event_id, user_id) SELECT 'client', gen_random_uuid(), 'u'")
        .await
        .unwrap();
}
