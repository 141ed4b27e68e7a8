use std::collections::HashMap;
use std::time::{Duration, Instant};

use shared::db::push_log;
use shared::ids::{DeviceSessionId, UserId};
use shared::proto::push::push_event::Kind;
use shared::queue::wake::Topic;
use shared::random::Random;
use testkit::TestDb;

use super::{PATIENCE, PushConfig, Replica, config, event, parts, shifted};

#[tokio::test]
async fn an_event_arrives_as_it_was_published_and_by_notification() {
    let db = TestDb::new().await;
    let (a, b) = (Replica::start(&db).await, Replica::start(&db).await);
    let (mut here, mut there) = (a.subscribe("here", "").await, b.subscribe("there", "").await);
    let sent = event("u");
    let cursor = a.publish(vec![sent.clone()]).await.unwrap().remove(0);
    for sub in [&mut here, &mut there] {
        assert_eq!(sub.next().await, Kind::ClientEvent(sent.clone()));
        assert_eq!(sub.cursor, cursor);
    }
    assert!(super::metric("grpc_push_events_total", "kind", "game.turn.ready") >= 2.0);

    // Whoever comes first tells of it, a notification or a look at the log: over some events, notifications do.
    let notified = || super::metric("grpc_push_log_news_total", "path", "notified");
    for _ in 0..1_000 {
        a.push("u").await;
        there.marks(1).await;
        if notified() >= 5.0 {
            return;
        }
    }
    panic!("{} of a thousand events were told by notifications", notified());
}

#[tokio::test]
async fn hello_says_where_it_resumed_and_what_is_kept() {
    let db = TestDb::new().await;
    let replica = Replica::start(&db).await;
    let empty = replica.subscribe("g", "").await.hello;
    assert_eq!(parts(&empty.resumed_from).1, 0);
    assert_eq!(empty.head, empty.resumed_from);
    assert_eq!(empty.oldest, shifted(&empty.head, 1), "nothing kept: the next one");

    let first = replica.push("1").await;
    let second = replica.push("2").await;
    let now = replica.subscribe("g", "").await.hello;
    assert_eq!([now.resumed_from, now.oldest, now.head], [second.clone(), first.clone(), second.clone()]);
    let mut resumed = replica.subscribe("g", &first).await;
    assert_eq!(resumed.hello.resumed_from, first);
    assert_eq!(resumed.marks(1).await, ["2"]);
    // The place before the first event is a place like any other.
    let mut all = replica.subscribe("g", &shifted(&first, -1)).await;
    assert_eq!(all.marks(2).await, ["1", "2"]);
}

#[tokio::test]
async fn an_invalidation_comes_with_the_commit_of_the_revocation() {
    let db = TestDb::new().await;
    let replica = Replica::start(&db).await;
    let mut sub = replica.subscribe("g", "").await;
    let (user, session) = (UserId::new(), DeviceSessionId::new());
    let mut tx = db.pool().begin().await.unwrap();
    push_log::append_invalidation(&mut tx, UserId::new(), &[], "rolled back").await.unwrap();
    tx.rollback().await.unwrap();
    let mut tx = db.pool().begin().await.unwrap();
    push_log::append_invalidation(&mut tx, user, &[session], "revoked").await.unwrap();
    tx.commit().await.unwrap();
    replica.waker.wake(Topic::PushLog);
    match sub.next().await {
        Kind::SessionInvalidation(told) => {
            assert_eq!(told.user_id, user.to_string());
            assert_eq!(told.device_session_ids, [session.to_string()]);
            assert_eq!(told.reason, "revoked");
        }
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn silence_is_broken_by_bookmarks_that_repeat_the_position() {
    // The product's own interval.
    assert!(PushConfig::default().bookmark_interval < Duration::from_secs(5));
    let db = TestDb::new().await;
    let interval = Duration::from_millis(300);
    let replica = Replica::start_with(&db, PushConfig { bookmark_interval: interval, ..config() }).await;
    let start = Instant::now();
    let mut sub = replica.subscribe("g", "").await;
    for n in 1..=4 {
        let frame = sub.frame().await.unwrap().unwrap();
        assert_eq!(frame.kind, Some(Kind::Bookmark(shared::proto::push::Bookmark {})));
        assert_eq!(frame.cursor, sub.hello.resumed_from);
        assert!(start.elapsed() >= interval * n, "{n}: {:?}", start.elapsed());
    }
}

#[tokio::test]
async fn a_planned_close_ends_streams_with_a_bookmark_to_resume_from() {
    let db = TestDb::new().await;
    let (a, b) = (Replica::start(&db).await, Replica::start(&db).await);
    let mut sub = a.subscribe("g", "").await;
    a.push("1").await;
    sub.marks(1).await;
    a.lifecycle.stop();
    let mut last = None;
    while let Some(frame) = sub.frame().await.unwrap() {
        last = frame.kind;
    }
    assert!(matches!(last, Some(Kind::Bookmark(_))), "{last:?}");
    let outcome = tokio::time::timeout(PATIENCE, a.lifecycle.run_to_end()).await;
    assert_eq!(outcome.unwrap(), shared::service::lifecycle::Outcome::Clean);
    assert!(a.try_subscribe("g", "").await.is_err());

    b.push("2").await;
    assert_eq!(b.subscribe("g", &sub.cursor).await.marks(1).await, ["2"]);
}

/// Writers on both replicas and straight in the database, with delays before their commits and some that roll back.
async fn write(a: &Replica, b: &Replica, db: &TestDb, writer: usize, rounds: usize) {
    let random = Random::seeded(writer as u64);
    for round in 0..rounds {
        let pause = Duration::from_micros(random.below(5_000));
        match random.below(4) {
            0 => {
                let mut tx = db.pool().begin().await.unwrap();
                push_log::append_invalidation(&mut tx, UserId::new(), &[], &format!("{writer}:{round}")).await.unwrap();
                tokio::time::sleep(pause).await;
                tx.commit().await.unwrap();
            }
            1 => {
                let mut tx = db.pool().begin().await.unwrap();
                push_log::append_invalidation(&mut tx, UserId::new(), &[], "never").await.unwrap();
                tokio::time::sleep(pause).await;
                tx.rollback().await.unwrap();
                a.push(&format!("{writer}:{round}")).await;
            }
            2 => drop(b.push(&format!("{writer}:{round}")).await),
            _ => drop(a.push(&format!("{writer}:{round}")).await),
        }
    }
}

fn text(kind: Kind) -> String {
    match kind {
        Kind::ClientEvent(event) => event.request_id,
        Kind::SessionInvalidation(told) => told.reason,
        other => panic!("{other:?}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn all_streams_get_everything_once_in_one_order_and_resume_anywhere_on_any_replica() {
    const WRITERS: usize = 8;
    const ROUNDS: usize = 25;
    let db = TestDb::new().await;
    // A ring of a few events, so that the table serves much of it.
    let small = PushConfig { ring_bytes: 20 * 300, ..config() };
    let (a, b) = (Replica::start_with(&db, small).await, Replica::start(&db).await);
    let (mut on_a, mut on_b) = (a.subscribe("a", "").await, b.subscribe("b", "").await);
    let start = on_a.cursor.clone();
    assert_eq!(start, on_b.cursor);
    let writers = futures::future::join_all((0..WRITERS).map(|writer| write(&a, &b, &db, writer, ROUNDS)));
    let mut restless = a.subscribe("restless", "").await;
    let reading = async {
        let (mut of_a, mut of_b, mut of_restless) = (Vec::new(), Vec::new(), Vec::new());
        for n in 0..WRITERS * ROUNDS {
            of_a.push((on_a.cursor.clone(), text(on_a.next().await)));
            of_b.push((on_b.cursor.clone(), text(on_b.next().await)));
            of_restless.push((restless.cursor.clone(), text(restless.next().await)));
            if n % 10 == 9 {
                // Goes away with frames unread, and comes back to the other replica with the cursor it holds.
                let (held, replica) = (restless.cursor.clone(), if n % 20 == 9 { &b } else { &a });
                drop(restless);
                restless = replica.subscribe("restless", &held).await;
                assert_eq!(restless.hello.resumed_from, held);
            }
        }
        (of_a, of_b, of_restless)
    };
    let (_, (of_a, of_b, of_restless)) = tokio::join!(writers, reading);
    assert_eq!(of_a, of_b);
    assert_eq!(of_a, of_restless);
    let mut rounds: HashMap<&str, i64> = HashMap::new();
    for (_, text) in &of_a {
        let (writer, round) = text.split_once(':').expect("never a rolled back one");
        let round = round.parse().unwrap();
        let before = rounds.insert(writer, round).unwrap_or(-1);
        assert_eq!(before + 1, round, "writer {writer} committed each before it began the next");
    }
    assert_eq!(rounds.values().sum::<i64>(), (WRITERS * (ROUNDS - 1)) as i64);

    // Later, from any position, the rest is the same.
    for (i, (held, _)) in of_a.iter().enumerate().step_by(23) {
        for replica in [&a, &b] {
            let mut late = replica.subscribe("late", held).await;
            for (_, expected) in &of_a[i..] {
                assert_eq!(&text(late.next().await), expected);
            }
        }
    }
}
