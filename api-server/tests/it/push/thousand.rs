//! A thousand gateways on one replica, which dies: all of them come to the other one at once.

use std::time::Duration;

use futures::future::join_all;
use shared::service::listen::descriptors;

use super::gateway::{Publisher, Subscription, event, mark};
use super::stage::{Like, Replica, Stage};

const GATEWAYS: usize = 1_000;
/// Of each part.
const EVENTS: usize = 20;
/// Subscriptions that are asked for at once.
const AT_ONCE: usize = 50;

/// One stream for each cursor, each over a connection of its own.
async fn open_all(replica: &Replica, cursors: &[String]) -> Vec<Subscription> {
    let (address, mut streams) = (replica.address, Vec::with_capacity(cursors.len()));
    for (part, cursors) in cursors.chunks(AT_ONCE).enumerate() {
        let opening = cursors.iter().enumerate().map(|(at, cursor)| {
            let name = format!("gateway-{}", part * AT_ONCE + at);
            async move { Subscription::open(address, &name, cursor).await }
        });
        streams.extend(join_all(opening).await);
    }
    streams
}

/// Publishes so many, and answers their marks.
async fn publish(publisher: &mut Publisher, part: &str, count: usize) -> Vec<String> {
    let marks: Vec<String> = (0..count).map(|n| format!("{part} {n}")).collect();
    publisher.publish(marks.iter().map(|mark| event("test", mark.clone())).collect()).await.unwrap();
    marks
}

/// Each stream's next events are these, in this order, and nothing else stands between them.
async fn all_get(streams: &mut [Subscription], expected: &[String]) {
    let read = join_all(streams.iter_mut().map(|stream| stream.take(expected.len()))).await;
    for (number, events) in read.iter().enumerate() {
        assert_eq!(events.iter().map(mark).collect::<Vec<_>>(), expected, "gateway {number}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_gateways_get_everything_once_and_go_on_together_at_another_replica() {
    // Both ends of each connection are in this process, twice.
    let limit = descriptors::raise();
    assert!(limit > 4 * GATEWAYS as u64 + 500, "{limit} descriptors are too few: ulimit -n");
    let stage = Stage::new().await;
    let many = || {
        Like::with(|config| {
            // One address has half.
            config.connections = 2 * GATEWAYS + 100;
            // However busy the machine is with a thousand readers: what ends a stream has a test of its own.
            config.blind_limit = Duration::from_secs(600);
        })
    };
    let (first, second) = (stage.replica_like(many()).await, stage.replica_like(many()).await);
    let mut publisher = Publisher::connect(second.address).await;

    let from_now = vec![String::new(); GATEWAYS];
    let mut streams = open_all(&first, &from_now).await;
    let told = publish(&mut publisher, "together", EVENTS).await;
    all_get(&mut streams, &told).await;

    first.kill();
    let held: Vec<String> = streams.into_iter().map(|stream| stream.held).collect();
    let missed = publish(&mut publisher, "away", EVENTS).await;
    let mut streams = open_all(&second, &held).await;
    all_get(&mut streams, &missed).await;
    let told = publish(&mut publisher, "again", EVENTS).await;
    all_get(&mut streams, &told).await;
    second.stop().await;
}
