use shared::db::push_log::{self, LogEvent, NewEvent, Place};
use shared::ids::{DeviceSessionId, UserId};
use sqlx::Connection as _;
use testkit::TestDb;
use uuid::Uuid;

use super::{append, event, id, open, read_all, seqs, settle};

#[tokio::test]
async fn an_invalidation_is_part_of_the_transaction_that_revokes() {
    let db = TestDb::new().await;
    let mut conn = db.connect().await;
    let start = open(&mut conn).await;
    let (kept, undone, session) = (UserId::new(), UserId::new(), DeviceSessionId::new());

    let mut tx = conn.begin().await.unwrap();
    push_log::append_invalidation(&mut tx, undone, &[], "logout").await.unwrap();
    tx.rollback().await.unwrap();
    let mut tx = conn.begin().await.unwrap();
    push_log::append_invalidation(&mut tx, kept, &[session], "logout").await.unwrap();
    push_log::append_invalidation(&mut tx, kept, &[], "blocked").await.unwrap();
    tx.commit().await.unwrap();

    assert_eq!(settle(&mut conn).await.seq, 2);
    let events: Vec<LogEvent> = read_all(&mut conn, start, 10).await.into_iter().map(|stored| stored.event).collect();
    let invalidation = |sessions: &[DeviceSessionId], reason: &str| LogEvent::Invalidation {
        user_id: kept.to_string(),
        device_session_ids: sessions.iter().map(ToString::to_string).collect(),
        reason: reason.to_owned(),
        traceparent: String::new(),
    };
    assert_eq!(events, [invalidation(&[session], "logout"), invalidation(&[], "blocked")]);
}

#[tokio::test]
async fn the_same_id_appends_once_and_keeps_its_first_content_and_place() {
    let db = TestDb::new().await;
    let mut conn = db.connect().await;
    let start = open(&mut conn).await;
    let (a, b) = (id(), id());
    // In request order, though the ids go in sorted.
    let batch = [event(b, "first"), event(a, "second")];
    assert_eq!(push_log::append_events(&mut conn, &batch).await.unwrap().len(), 2);
    assert_eq!(push_log::positions(&mut conn, &[a]).await.unwrap(), [(a, Place::Pending)]);
    settle(&mut conn).await;
    let again = NewEvent { payload: b"other", ..event(a, "changed") };
    assert_eq!(push_log::append_events(&mut conn, &[again]).await.unwrap(), Vec::<Uuid>::new());
    settle(&mut conn).await;

    let all = read_all(&mut conn, start, 10).await;
    assert_eq!(all.iter().map(super::user).collect::<Vec<_>>(), ["first", "second"]);
    let mut places = push_log::positions(&mut conn, &[a, b, id()]).await.unwrap();
    places.sort_by_key(|(_, place)| match place {
        Place::At(cursor) => cursor.seq,
        other => panic!("{other:?}"),
    });
    assert_eq!(places, [(b, Place::At(start.at(1))), (a, Place::At(start.at(2)))]);
}

#[tokio::test]
async fn a_rolled_back_id_is_free_again() {
    let db = TestDb::new().await;
    let mut conn = db.connect().await;
    open(&mut conn).await;
    let a = id();
    let mut tx = conn.begin().await.unwrap();
    push_log::append_events(&mut tx, &[event(a, "u")]).await.unwrap();
    tx.rollback().await.unwrap();
    assert_eq!(push_log::append_events(&mut conn, &[event(a, "u")]).await.unwrap(), [a]);
}

#[tokio::test]
async fn overlapping_batches_in_any_order_do_not_deadlock_and_append_each_id_once() {
    let db = TestDb::new().await;
    let mut conn = db.connect().await;
    let start = open(&mut conn).await;
    let ids: Vec<Uuid> = (0..200).map(|_| id()).collect();
    let random = shared::random::Random::seeded(3);
    let publishers: Vec<_> = (0..8)
        .map(|_| {
            let mut mine = ids.clone();
            for i in (1..mine.len()).rev() {
                mine.swap(i, usize::try_from(random.below(i as u64 + 1)).unwrap());
            }
            let pool = db.pool();
            tokio::spawn(async move {
                for part in mine.chunks(50) {
                    let events: Vec<_> = part.iter().map(|id| event(*id, "u")).collect();
                    let mut tx = pool.begin().await.unwrap();
                    push_log::append_events(&mut tx, &events).await.unwrap();
                    tx.commit().await.unwrap();
                }
            })
        })
        .collect();
    for publisher in publishers {
        publisher.await.unwrap();
    }
    assert_eq!(settle(&mut conn).await.seq, 200);
    let all = read_all(&mut conn, start, 7).await;
    assert_eq!(seqs(&all), (1..=200).collect::<Vec<_>>());
    // Every publisher, asking afterwards, is told the places that the readers saw.
    for (event_id, place) in push_log::positions(&mut conn, &ids).await.unwrap() {
        let Place::At(cursor) = place else { panic!("{place:?}") };
        let stored = &all[usize::try_from(cursor.seq - 1).unwrap()];
        assert!(matches!(&stored.event, LogEvent::Client { event_id: e, .. } if *e == event_id));
    }
}

#[tokio::test]
async fn places_are_found_across_many_ticks() {
    let db = TestDb::new().await;
    let mut conn = db.connect().await;
    let start = open(&mut conn).await;
    let mut ids = Vec::new();
    for _ in 0..37 {
        ids.push(append(&mut conn, "u").await);
        settle(&mut conn).await;
    }
    let places = push_log::positions(&mut conn, &ids).await.unwrap();
    assert_eq!(places.len(), 37);
    for (event_id, place) in places {
        let expected = ids.iter().position(|id| *id == event_id).unwrap() as i64 + 1;
        assert_eq!(place, Place::At(start.at(expected)));
    }
}
