//! A stream that is alive says so, and one that ends says where to go on.

use std::time::Duration;

use shared::proto::push::push_event::Kind;
use tonic::Code;

use super::gateway::{Publisher, Subscription, event, mark};
use super::stage::{Like, Stage};

#[tokio::test]
async fn an_idle_stream_gets_one_bookmark_after_the_other() {
    // SPEC §12 allows five seconds of silence.
    assert!(Like::default().config.bookmark_interval < Duration::from_secs(5));
    let stage = Stage::new().await;
    let replica = stage.replica().await;
    let mut stream = Subscription::open(replica.address, "gateway", "").await;
    for _ in 0..2 {
        let frame = stream.frame().await.unwrap().unwrap();
        assert!(matches!(frame.kind, Some(Kind::Bookmark(_))), "{frame:?}");
    }
}

#[tokio::test]
async fn bookmarks_repeat_the_last_position_and_stand_between_events() {
    let stage = Stage::new().await;
    let replica = stage.replica_like(Like::with(|c| c.bookmark_interval = Duration::from_millis(50))).await;
    let mut publisher = Publisher::connect(replica.address).await;
    let mut stream = Subscription::open(replica.address, "gateway", "").await;
    for i in 0..3 {
        let published = publisher.one(event("test", i.to_string())).await;
        assert_eq!(stream.take(1).await[0].cursor, published);
        let frame = stream.frame().await.unwrap().unwrap();
        assert!(matches!(frame.kind, Some(Kind::Bookmark(_))));
        assert_eq!((&frame.cursor, &frame.prev_cursor), (&published, &published));
    }
}

#[tokio::test]
async fn a_planned_close_ends_in_order_with_a_bookmark_to_resume_from() {
    let stage = Stage::new().await;
    let (one, two) = (stage.replica().await, stage.replica().await);
    let mut publisher = Publisher::connect(two.address).await;
    let mut idle = Subscription::open(one.address, "idle", "").await;
    let mut behind = Subscription::open(one.address, "behind", "").await;
    for i in 0..100 {
        publisher.one(event("test", i.to_string())).await;
    }
    idle.take(100).await;
    // One has read nothing yet; what is on its way comes before the goodbye.
    one.begin_stop();
    let mut seen = Vec::new();
    for (i, stream) in [&mut idle, &mut behind].into_iter().enumerate() {
        let (frames, code) = stream.end().await;
        assert_eq!(code, None, "an orderly end");
        let (last, before) = frames.split_last().expect("a farewell");
        assert!(matches!(last.kind, Some(Kind::Bookmark(_))), "{last:?}");
        if i == 1 {
            seen = before.iter().map(|f| mark(f).to_owned()).collect();
        }
    }
    let refused = Subscription::try_open(one.address, "late", "").await.err().expect("it takes nobody any more");
    assert_eq!(refused.code(), Code::Unavailable, "{refused:?}");
    one.stop().await;

    publisher.one(event("test", "after")).await;
    let mut resumed = Subscription::open(two.address, "behind", &behind.held).await;
    seen.extend(resumed.take(101 - seen.len()).await.iter().map(|f| mark(f).to_owned()));
    let expected: Vec<String> = (0..100).map(|i| i.to_string()).chain(["after".to_owned()]).collect();
    assert_eq!(seen, expected);
    let mut resumed = Subscription::open(two.address, "idle", &idle.held).await;
    assert_eq!(resumed.take(1).await.iter().map(mark).collect::<Vec<_>>(), ["after"]);
}
