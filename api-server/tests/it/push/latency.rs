//! How long an event takes on an idle system.

use std::time::{Duration, Instant};

use shared::ids::UserId;

use super::gateway::{Publisher, Subscription, event};
use super::stage::Stage;

const N: usize = 60;

fn report(what: &str, mut took: Vec<Duration>) -> Duration {
    took.sort_unstable();
    let (median, p95) = (took[took.len() / 2], took[took.len() * 95 / 100]);
    println!("{what}: median {median:?}, p95 {p95:?} of {}", took.len());
    median
}

#[tokio::test]
async fn an_event_is_at_a_subscriber_of_another_replica_at_once() {
    let stage = Stage::new().await;
    let (one, two) = (stage.replica().await, stage.replica().await);
    let mut here = Subscription::open(one.address, "here", "").await;
    let mut there = Subscription::open(two.address, "there", "").await;
    let mut publisher = Publisher::connect(one.address).await;
    let (mut answered, mut same, mut other, mut revoked) = (vec![], vec![], vec![], vec![]);
    for i in 0..N + 5 {
        let since = Instant::now();
        let (_, a, b) = tokio::join!(
            async {
                publisher.one(event("test", i.to_string())).await;
                answered.push(since.elapsed());
            },
            async {
                here.take(1).await;
                since.elapsed()
            },
            async {
                there.take(1).await;
                since.elapsed()
            }
        );
        let mut tx = stage.pool().begin().await.unwrap();
        shared::db::push_log::append_invalidation(&mut tx, UserId::new(), &[], "r").await.unwrap();
        tx.commit().await.unwrap();
        let since = Instant::now();
        one.wake();
        there.take(1).await;
        let c = since.elapsed();
        here.take(1).await;
        // The first few warm connections and plans up.
        if i >= 5 {
            same.push(a);
            other.push(b);
            revoked.push(c);
        }
    }
    report("Publish answered", answered);
    let medians = [
        report("Publish called → subscriber on the same replica", same),
        report("Publish called → subscriber on another replica", other),
        report("revocation committed → subscriber on another replica", revoked),
    ];
    assert!(medians.iter().all(|median| *median < Duration::from_millis(50)), "{medians:?}");
}
