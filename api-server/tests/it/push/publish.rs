use std::time::Duration;

use shared::proto::push::ClientEvent;
use testkit::{TestDb, eventually};
use tonic::Code;

use super::{PATIENCE, PushConfig, Replica, config, event, shifted};

#[tokio::test]
async fn the_same_event_appends_once_and_answers_the_same_cursor_on_every_replica() {
    let db = TestDb::new().await;
    let (a, b) = (Replica::start(&db).await, Replica::start(&db).await);
    let mut sub = a.subscribe("g", "").await;
    let (first, second) = (event("first"), event("second"));
    let cursors = a.publish(vec![first.clone(), second.clone()]).await.unwrap();
    assert_eq!(cursors[1], shifted(&cursors[0], 1), "in request order, dense");

    let changed = ClientEvent { request_id: "changed".into(), ..first.clone() };
    let third = event("third");
    // Another replica, another order, a duplicate inside the call, and one that is new.
    let again = b.publish(vec![second.clone(), changed, third.clone(), third.clone()]).await.unwrap();
    let next = shifted(&cursors[1], 1);
    assert_eq!(again, [cursors[1].clone(), cursors[0].clone(), next.clone(), next]);
    assert_eq!(sub.marks(3).await, ["first", "second", "third"], "the first content wins");
    assert_eq!(sub.cursor, again[2]);
}

#[tokio::test]
async fn racing_duplicates_make_one_event() {
    let db = TestDb::new().await;
    let (a, b) = (Replica::start(&db).await, Replica::start(&db).await);
    let mut sub = b.subscribe("g", "").await;
    let batch: Vec<_> = (0..50).map(|i| event(&format!("{i}"))).collect();
    let mut reversed = batch.clone();
    reversed.reverse();
    let (x, y, z) = tokio::join!(a.publish(batch.clone()), b.publish(reversed), a.publish(batch.clone()));
    let (x, mut y, z) = (x.unwrap(), y.unwrap(), z.unwrap());
    y.reverse();
    assert_eq!(x, y);
    assert_eq!(x, z);
    sub.marks(50).await;
    assert_eq!(&sub.cursor, x.iter().max().unwrap());
    let last = a.push("after").await;
    assert_eq!(last, shifted(&sub.cursor, 1));
}

#[tokio::test]
async fn a_faulty_event_refuses_the_whole_call_with_its_place() {
    let db = TestDb::new().await;
    let replica = Replica::start(&db).await;
    let good = event("u");
    let with = |change: fn(&mut ClientEvent)| {
        let mut bad = good.clone();
        change(&mut bad);
        vec![good.clone(), bad]
    };
    let big = |n| ClientEvent { payload: vec![0; n].into(), ..event("u") };
    let mut above_4_mib: Vec<_> = (0..64).map(|_| big(64 << 10)).collect();
    above_4_mib.push(big(1));
    for (events, part) in [
        (vec![], "1 to 1000"),
        ((0..1_001).map(|_| event("u")).collect(), "got 1001"),
        (above_4_mib, "4194305 bytes"),
        (vec![big((64 << 10) + 1)], "events[0].payload"),
        (with(|e| e.event_id = "no uuid".into()), "events[1].event_id"),
        (with(|e| e.user_id.clear()), "events[1].user_id"),
        (with(|e| e.user_id = e.user_id.replace('-', "")), "events[1].user_id"),
        (with(|e| e.event_id = format!("{{{}}}", e.event_id)), "events[1].event_id"),
        (with(|e| e.device_session_id = format!("urn:uuid:{}", e.device_session_id)), "events[1].device_session_id"),
        (with(|e| e.kind = "\0".into()), "events[1].kind"),
    ] {
        let status = replica.publish(events).await.unwrap_err();
        assert_eq!(status.code(), Code::InvalidArgument, "{status:?}");
        assert!(status.message().contains(part), "{status:?}");
    }
    let events: i64 = sqlx::query_scalar("SELECT count(*) FROM push_events").fetch_one(&db.pool()).await.unwrap();
    assert_eq!(events, 0);
    // The largest that is allowed.
    assert_eq!(replica.publish((0..64).map(|_| big(64 << 10)).collect()).await.unwrap().len(), 64);
    assert_eq!(replica.publish((0..1_000).map(|_| event("u")).collect()).await.unwrap().len(), 1_000);
}

#[tokio::test]
async fn a_duplicate_whose_event_is_no_longer_kept_answers_an_empty_cursor() {
    let db = TestDb::new().await;
    let short = PushConfig {
        freshness_window: Duration::from_millis(500),
        retention_interval: Duration::from_millis(100),
        ..config()
    };
    let replica = Replica::start_with(&db, short).await;
    let old = event("old");
    let cursor = replica.publish(vec![old.clone()]).await.unwrap().remove(0);
    assert_ne!(cursor, "");
    // The newest tick always stays as the mark that the next one counts from; its own events expire all the same.
    eventually(PATIENCE, "the event is no longer kept", || async {
        replica.push("newer").await;
        replica.publish(vec![old.clone()]).await.unwrap() == [""]
    })
    .await;
    let mut sub = replica.subscribe("g", "").await;
    replica.push("last").await;
    assert_eq!(sub.marks(1).await, ["last"], "it was not appended again");
}

#[tokio::test]
async fn an_unready_database_is_unavailable_not_an_error_of_the_caller() {
    let db = TestDb::new().await;
    let replica = Replica::start(&db).await;
    db.close().await;
    let status = replica.publish(vec![event("u")]).await.unwrap_err();
    assert!(matches!(status.code(), Code::Unavailable | Code::Internal), "{status:?}");
    assert!(!status.message().contains("sql"), "{status:?}");
}
