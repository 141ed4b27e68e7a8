use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use shared::proto::push::push_event::Kind;
use testkit::{TestDb, eventually};
use tonic::Code;

use super::{PATIENCE, PushConfig, Replica, config};

#[tokio::test]
async fn the_same_client_id_ends_the_older_stream_on_any_replica() {
    let db = TestDb::new().await;
    // Looks alone would take longer than any test waits: a notification tells.
    let never = || PushConfig { replacement_poll: Duration::from_secs(3_600), ..config() };
    let (a, b) = (Replica::start_with(&db, never()).await, Replica::start_with(&db, never()).await);
    for (first, second) in [(&a, &a), (&a, &b), (&b, &a)] {
        let mut old = first.subscribe("g", "").await;
        let mut new = second.subscribe("g", "").await;
        assert_eq!(old.error().await.code(), Code::Aborted);
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
async fn a_replaced_stream_ends_by_a_look_when_notifications_are_lost() {
    let db = TestDb::new().await;
    let deaf = Replica::start_on(db.options(), db.options().host("127.0.0.1").port(1), config()).await;
    let other = Replica::start_on(db.options(), db.options().host("127.0.0.1").port(1), config()).await;
    deaf.ready().await;
    other.ready().await;
    let mut old = deaf.subscribe("g", "").await;
    let _new = other.subscribe("g", "").await;
    assert_eq!(old.error().await.code(), Code::Aborted);
}

#[tokio::test(flavor = "multi_thread")]
async fn of_racing_subscriptions_exactly_one_stays() {
    let db = TestDb::new().await;
    let (a, b) = (Replica::start(&db).await, Replica::start(&db).await);
    for _ in 0..5 {
        let racers = (0..6).map(|i| (if i % 2 == 0 { &a } else { &b }).try_subscribe("g", ""));
        let (racing, ended) = (futures::future::join_all(racers).await, AtomicUsize::new(0));
        let ended = &ended;
        // Each reads until it is told to go, or hears the event that is published when all others have gone. Some are told
        // before they hear hello.
        let streams = racing.into_iter().map(|sub| async move {
            let status = match sub {
                Err(status) => status,
                Ok(mut sub) => loop {
                    match sub.frame().await {
                        Err(status) => break status,
                        Ok(frame) if matches!(frame.as_ref().unwrap().kind, Some(Kind::ClientEvent(_))) => return 1,
                        Ok(_) => {}
                    }
                },
            };
            assert_eq!(status.code(), Code::Aborted);
            ended.fetch_add(1, Ordering::SeqCst);
            0
        });
        let ending = async {
            eventually(PATIENCE, "five have gone", || async { ended.load(Ordering::SeqCst) >= 5 }).await;
            a.push("who stays").await;
        };
        let (alive, ()) = tokio::join!(futures::future::join_all(streams), ending);
        assert_eq!(alive.into_iter().sum::<usize>(), 1);
    }
}
