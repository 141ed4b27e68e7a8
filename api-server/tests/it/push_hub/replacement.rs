use std::time::{Duration, Instant};

use testkit::TestDb;
use tonic::Code;

use super::{Replica, config};

#[tokio::test]
async fn the_same_client_id_ends_the_older_stream_on_any_replica() {
    let db = TestDb::new().await;
    let (a, b) = (Replica::start(&db).await, Replica::start(&db).await);
    for (first, second) in [(&a, &a), (&a, &b), (&b, &a)] {
        let mut old = first.subscribe("g", "").await;
        let mut new = second.subscribe("g", "").await;
        let start = Instant::now();
        assert_eq!(old.error().await.code(), Code::Aborted);
        assert!(start.elapsed() < Duration::from_millis(1_200), "{:?}", start.elapsed());
        a.push("u").await;
        assert_eq!(new.marks(1).await, ["u"], "the newer one lives");
    }
}

#[tokio::test]
async fn different_client_ids_each_get_everything() {
    let db = TestDb::new().await;
    let replica = Replica::start(&db).await;
    let mut subs = Vec::new();
    for i in 0..5 {
        subs.push(replica.subscribe(&format!("g{i}"), "").await);
    }
    for i in 0..3 {
        replica.push(&format!("{i}")).await;
    }
    for sub in &mut subs {
        assert_eq!(sub.marks(3).await, ["0", "1", "2"]);
    }
}

#[tokio::test]
async fn no_stream_outlives_its_replacement_by_much_when_notifications_are_lost() {
    let db = TestDb::new().await;
    let deaf = Replica::start_on(db.options(), db.options().host("127.0.0.1").port(1), config()).await;
    let other = Replica::start_on(db.options(), db.options().host("127.0.0.1").port(1), config()).await;
    deaf.ready().await;
    other.ready().await;
    let mut old = deaf.subscribe("g", "").await;
    let _new = other.subscribe("g", "").await;
    let start = Instant::now();
    assert_eq!(old.error().await.code(), Code::Aborted);
    assert!(start.elapsed() < Duration::from_millis(1_500), "{:?}", start.elapsed());
}

#[tokio::test(flavor = "multi_thread")]
async fn of_racing_subscriptions_exactly_one_stays() {
    let db = TestDb::new().await;
    let (a, b) = (Replica::start(&db).await, Replica::start(&db).await);
    for _ in 0..5 {
        let racers = (0..6).map(|i| (if i % 2 == 0 { &a } else { &b }).try_subscribe("g", ""));
        // Who still hears after all have been told is who stays. Some are told before they hear hello.
        let ends = futures::future::join_all(racers).await.into_iter().map(|sub| async move {
            let ended = match sub {
                Ok(mut sub) => tokio::time::timeout(Duration::from_secs(2), sub.error()).await.ok(),
                Err(status) => Some(status),
            };
            ended.map(|status| assert_eq!(status.code(), Code::Aborted)).map_or(1, |()| 0)
        });
        let alive: i32 = futures::future::join_all(ends).await.into_iter().sum();
        assert_eq!(alive, 1);
    }
}
