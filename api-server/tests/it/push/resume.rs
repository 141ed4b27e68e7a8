//! Where a stream starts.

use tonic::Code;

use super::gateway::{Publisher, Subscription, client_event, cursor, event, mark};
use super::stage::Stage;

#[tokio::test]
async fn an_empty_cursor_starts_at_now_and_a_cursor_after_its_event() {
    let stage = Stage::new().await;
    let (one, two) = (stage.replica().await, stage.replica().await);
    let mut publisher = Publisher::connect(one.address).await;
    let first = publisher.one(event("test", "a")).await;
    let second = publisher.one(event("test", "b")).await;
    assert_eq!(cursor(&second), cursor(&first).at(cursor(&first).seq + 1));

    let mut now = Subscription::open(two.address, "now", "").await;
    assert_eq!(now.hello.resumed_from, second);
    assert_eq!((&now.hello.oldest, &now.hello.head), (&first, &second));
    let mut resumed = Subscription::open(two.address, "resumed", &first).await;
    assert_eq!(resumed.take(1).await.iter().map(mark).collect::<Vec<_>>(), ["b"]);
    // Everything of it arrives as it was published.
    let published = event("game.turn.ready", "c");
    let third = publisher.one(published.clone()).await;
    for stream in [&mut now, &mut resumed] {
        let frame = stream.take(1).await.remove(0);
        assert_eq!((client_event(&frame), &frame.cursor), (&published, &third));
    }
    // The very newest: nothing to catch up with, nothing missed.
    let mut newest = Subscription::open(one.address, "newest", &third).await;
    let fourth = publisher.one(event("test", "d")).await;
    assert_eq!(newest.take(1).await[0].cursor, fourth);
}

#[tokio::test]
async fn oldest_starts_at_the_oldest_kept_event_and_tells_of_no_gap() {
    let stage = Stage::new().await;
    let replica = stage.replica().await;
    let mut publisher = Publisher::connect(replica.address).await;
    let first = publisher.one(event("test", "a")).await;
    let second = publisher.one(event("test", "b")).await;
    // Everything is kept. `take` refuses a gap.
    let mut whole = Subscription::open(replica.address, "whole", "oldest").await;
    let before_first = cursor(&first).at(cursor(&first).seq - 1);
    assert_eq!(cursor(&whole.hello.resumed_from), before_first);
    assert_eq!((&whole.hello.oldest, &whole.hello.head), (&first, &second));
    assert_eq!(whole.take(2).await.iter().map(mark).collect::<Vec<_>>(), ["a", "b"]);

    // What is past the window is no loss to who held no cursor.
    sqlx::query("UPDATE push_ticks SET at = at - interval '1 day'").execute(&stage.pool()).await.unwrap();
    let third = publisher.one(event("test", "c")).await;
    let mut kept = Subscription::open(replica.address, "kept", "oldest").await;
    assert_eq!(cursor(&kept.hello.resumed_from), cursor(&third).at(cursor(&third).seq - 1));
    assert_eq!((&kept.hello.oldest, &kept.hello.head), (&third, &third));
    assert_eq!(kept.take(1).await.iter().map(mark).collect::<Vec<_>>(), ["c"]);

    // Nothing is kept: what comes next is the oldest.
    sqlx::query("UPDATE push_ticks SET at = at - interval '1 day'").execute(&stage.pool()).await.unwrap();
    let mut next = Subscription::open(replica.address, "next", "oldest").await;
    assert_eq!(next.hello.resumed_from, third);
    publisher.one(event("test", "d")).await;
    assert_eq!(next.take(1).await.iter().map(mark).collect::<Vec<_>>(), ["d"]);
}

#[tokio::test]
async fn what_is_no_cursor_or_no_name_is_refused_and_says_what_is_expected() {
    let stage = Stage::new().await;
    let replica = stage.replica().await;
    for malformed in [
        "1",
        "0000100000000000000",
        "000010000000000000001",
        "0000100000000000000x",
        "+0001000000000000001",
        " ",
        "OLDEST",
    ] {
        let status = Subscription::try_open(replica.address, "gateway", malformed).await.err().expect(malformed);
        assert_eq!(status.code(), Code::InvalidArgument, "{malformed}");
        assert_eq!(status.message(), "cursor: a cursor is 20 decimal digits, or \"oldest\", or empty");
    }
    for name in ["", "a b", "ä", &"x".repeat(129)] {
        let status = Subscription::try_open(replica.address, name, "").await.err().expect(name);
        assert_eq!(status.code(), Code::InvalidArgument, "{name}");
        assert!(status.message().starts_with("gateway_client_id: 1 to 128 "), "{status:?}");
    }
    assert_eq!(stage.count("SELECT count(*) FROM push_subscribers").await, 0, "what was refused replaced nobody");
}
