use std::time::Duration;

use shared::proto::push::push_event::Kind;
use shared::proto::push::resume_gap::Reason;
use sqlx::Executor as _;
use testkit::{TestDb, eventually};
use tonic::Code;

use super::{PATIENCE, PushConfig, Replica, config, parts, shifted};

#[tokio::test]
async fn a_cursor_older_than_the_window_gets_a_gap_and_then_what_is_kept() {
    let db = TestDb::new().await;
    let replica = Replica::start_with(&db, PushConfig { freshness_window: Duration::from_secs(2), ..config() }).await;
    let first = replica.push("1").await;
    replica.push("2").await;
    sqlx::query("UPDATE push_ticks SET at = at - interval '1 minute'").execute(&db.pool()).await.unwrap();
    let third = replica.push("3").await;

    // The event that follows is gone: the stream goes on before the oldest that is kept.
    let mut sub = replica.subscribe("g", &first).await;
    assert_eq!(sub.hello.resumed_from, shifted(&third, -1));
    assert_eq!([&sub.hello.oldest, &sub.hello.head], [&third, &third]);
    let (reason, gap) = sub.gap().await;
    assert_eq!((reason, gap.oldest), (Reason::Expired, third.clone()));
    assert_eq!(sub.marks(1).await, ["3"]);
    // The cursor just before the oldest kept event misses nothing, however old its own event is.
    assert_eq!(replica.subscribe("g", &shifted(&third, -1)).await.marks(1).await, ["3"]);

    // When all is expired, it goes on at the head, and the next event comes.
    sqlx::query("UPDATE push_ticks SET at = at - interval '1 minute'").execute(&db.pool()).await.unwrap();
    let mut sub = replica.subscribe("g", &first).await;
    let (reason, gap) = sub.gap().await;
    assert_eq!((reason, gap.oldest), (Reason::Expired, shifted(&third, 1)));
    replica.push("4").await;
    assert_eq!(sub.marks(1).await, ["4"]);
    // An idle gateway that held the head comes back without a gap, after whatever time.
    let mut idle = replica.subscribe("g", &shifted(&third, 1)).await;
    replica.push("5").await;
    assert_eq!(idle.marks(1).await, ["5"]);
}

#[tokio::test]
async fn a_cursor_beyond_the_head_gets_a_gap() {
    let db = TestDb::new().await;
    let replica = Replica::start(&db).await;
    let first = replica.push("1").await;
    let (epoch, _) = parts(&first);
    for ahead in [shifted(&first, 1), format!("{:05}{:015}", epoch + 1, 0), "9".repeat(20)] {
        let mut sub = replica.subscribe("g", &ahead).await;
        assert_eq!(sub.hello.resumed_from, shifted(&first, -1), "{ahead}");
        assert_eq!(sub.gap().await.0, Reason::Ahead);
        assert_eq!(sub.marks(1).await, ["1"]);
    }
}

#[tokio::test]
async fn ahead_is_judged_by_the_database_not_by_a_lagging_replica() {
    let db = TestDb::new().await;
    let prompt = Replica::start(&db).await;
    // Hears no notifications, and looks by itself every two seconds only.
    let deaf = {
        let slow = Duration::from_secs(2);
        let nowhere = db.options().host("127.0.0.1").port(1);
        let config = PushConfig { idle_poll: slow, anxious_poll: slow, ..config() };
        let deaf = Replica::start_on(db.options().application_name("deaf"), nowhere, config).await;
        deaf.ready().await;
        deaf
    };
    // Its pause between looks has grown: it has asked for nothing for a while.
    eventually(PATIENCE, "it looks seldom", || async {
        let quiet = "SELECT coalesce(bool_and(now() - state_change > interval '400 ms'), false)
                       FROM pg_stat_activity WHERE application_name = 'deaf'";
        sqlx::query_scalar::<_, bool>(quiet).fetch_one(&db.pool()).await.unwrap()
    })
    .await;
    for i in 0..5 {
        let cursor = prompt.push("known").await;
        let mut sub = deaf.subscribe(&format!("g{i}"), &cursor).await;
        assert_eq!(sub.hello.resumed_from, cursor);
        let next = prompt.push("next").await;
        assert!(matches!(sub.next().await, Kind::ClientEvent(event) if event.request_id == "next"));
        assert_eq!(sub.cursor, next);
    }
}

#[tokio::test]
async fn a_malformed_cursor_or_client_id_is_refused() {
    let db = TestDb::new().await;
    let replica = Replica::start(&db).await;
    for cursor in
        ["1", "0130000000000000000", "013000000000000000000", "+1300000000000000000", "0130000000000000000x", " "]
    {
        let status = replica.try_subscribe("g", cursor).await.err().expect(cursor);
        assert_eq!(status.code(), Code::InvalidArgument, "{cursor:?}");
        assert!(status.message().contains("20 decimal digits"), "{status:?}");
    }
    for client in ["", " ", "a b", &"x".repeat(129)] {
        let status = replica.try_subscribe(client, "").await.err().expect(client);
        assert_eq!(status.code(), Code::InvalidArgument, "{client:?}");
    }
}

#[tokio::test]
async fn a_failover_moves_the_epoch_under_open_streams_and_for_old_cursors() {
    let db = TestDb::new().await;
    let (a, b) = (Replica::start(&db).await, Replica::start(&db).await);
    let (mut on_a, mut on_b) = (a.subscribe("a", "").await, b.subscribe("b", "").await);
    let old = a.push("before").await;
    on_a.marks(1).await;
    on_b.marks(1).await;
    // As after a promotion: another timeline than the one the epoch was opened on.
    db.pool().execute("UPDATE push_epochs SET timeline = 'FFFFFFFF'").await.unwrap();
    let new = a.push("after").await;
    assert_eq!(parts(&new), (parts(&old).0 + 1, 1));
    for sub in [&mut on_a, &mut on_b] {
        let (reason, gap) = sub.gap().await;
        assert_eq!((reason, gap.oldest), (Reason::Epoch, new.clone()));
        assert_eq!(sub.marks(1).await, ["after"]);
    }
    let mut resumed = b.subscribe("c", &old).await;
    assert_eq!(resumed.gap().await.0, Reason::Epoch);
    assert_eq!(resumed.marks(1).await, ["after"]);
}

#[tokio::test]
async fn a_database_set_back_behind_our_back_opens_an_epoch() {
    let db = TestDb::new().await;
    let replica = Replica::start(&db).await;
    let mut sub = replica.subscribe("g", "").await;
    replica.push("1").await;
    let lost = replica.push("2").await;
    sub.marks(2).await;
    // As a file system snapshot from before the second event would: the same cluster, the same timeline, less history.
    // In one transaction: a tick in between would number an event that is about to go.
    db.pool()
        .execute(
            "DELETE FROM push_ticks WHERE tick_id = (SELECT max(tick_id) FROM push_ticks);
             DELETE FROM push_events WHERE request_id = '2'; DELETE FROM push_event_ids",
        )
        .await
        .unwrap();
    let (reason, _) = sub.gap().await;
    assert_eq!(reason, Reason::Epoch);
    let next = replica.push("3").await;
    assert!(next > lost && parts(&next).0 > parts(&lost).0, "no cursor is used twice: {lost} then {next}");
    assert_eq!(sub.marks(1).await, ["3"]);
    eventually(PATIENCE, "ready", || async { replica.health.report().http_status() == 200 }).await;
}
