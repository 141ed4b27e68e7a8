//! Every committed event once and in order, whoever writes, whoever ticks, wherever one listens.

use std::sync::Arc;

use parking_lot::Mutex;
use shared::random::Random;
use testkit::eventually;

use super::PATIENCE;
use super::gateway::{Publisher, Subscription, cursor, event};
use super::stage::{Like, Stage};
use super::traffic::{self, Load, Written};

#[tokio::test(flavor = "multi_thread")]
async fn three_replicas_serve_the_same_log_and_any_cursor_of_it() {
    let stage = Stage::new().await;
    traffic::entities(&stage.pool()).await;
    // Rings that hold a part of it, so that the table and the memory both serve.
    let mut replicas = Vec::new();
    for ring_bytes in [4 << 10, 64 << 10, 8 << 20] {
        replicas.push(stage.replica_like(Like::with(|c| c.ring_bytes = ring_bytes)).await);
    }
    let addresses = Arc::new(Mutex::new(replicas.iter().map(|r| r.address).collect::<Vec<_>>()));
    let mut streams = Vec::new();
    for (i, replica) in replicas.iter().enumerate() {
        streams.push(Subscription::open(replica.address, &format!("live-{i}"), "").await);
    }
    let start = streams[0].held.clone();
    let live: Vec<_> = streams.into_iter().map(|mut s| tokio::spawn(async move { s.until("end").await })).collect();

    let pool = stage.db.pool_of(8);
    let revokers: Vec<_> =
        (0..8).map(|i| tokio::spawn(traffic::revoke(pool.clone(), Random::seeded(i), Load::of(40)))).collect();
    let workers: Vec<_> = (0..5)
        .map(|i| tokio::spawn(traffic::publish(addresses.clone(), Random::seeded(100 + i), i as usize, Load::of(25))))
        .collect();
    let mut written = Written::default();
    for task in revokers.into_iter().chain(workers) {
        written.add(task.await.unwrap());
    }
    assert!(written.unknown.is_empty() && written.committed.len() > 500, "{}", written.committed.len());
    Publisher::connect(replicas[0].address).await.one(event("end", "end")).await;

    let mut all = Vec::new();
    for stream in live {
        let seen = stream.await.unwrap();
        traffic::check(&seen, &written);
        if all.is_empty() {
            all = seen;
        } else {
            // The same events with the same cursors.
            let place = |frames: &[_]| {
                frames
                    .iter()
                    .map(|f: &shared::proto::push::PushEvent| (f.cursor.clone(), f.kind.clone()))
                    .collect::<Vec<_>>()
            };
            assert_eq!(place(&all), place(&seen));
        }
    }

    // Any cursor, at any replica.
    for (i, at) in (0..=all.len()).step_by(all.len() / 12).enumerate() {
        let from = if at == 0 { start.clone() } else { all[at - 1].cursor.clone() };
        let replica = &replicas[i % replicas.len()];
        let mut stream = Subscription::open(replica.address, &format!("resumed-{i}"), &from).await;
        assert_eq!(stream.hello.resumed_from, from);
        assert!(cursor(&stream.hello.oldest) <= cursor(&stream.hello.head));
        let rest = stream.until("end").await;
        assert_eq!(rest.len(), all.len() - at);
        assert!(rest.iter().zip(&all[at..]).all(|(a, b)| (&a.cursor, &a.kind) == (&b.cursor, &b.kind)));
    }
    // One tick after another, without a hole, however many replicas raced to write them.
    let broken = "SELECT count(*) FROM (SELECT base_seq + n <> lead(base_seq, 1, base_seq + n) OVER (ORDER BY tick_id)
            AS broken FROM push_ticks) t WHERE broken";
    assert_eq!(stage.count(broken).await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn replicas_that_are_killed_and_stopped_lose_nothing() {
    let stage = Stage::new().await;
    traffic::entities(&stage.pool()).await;
    let mut replicas = vec![stage.replica().await, stage.replica().await];
    let addresses = Arc::new(Mutex::new(replicas.iter().map(|r| r.address).collect::<Vec<_>>()));
    let start = Subscription::open(replicas[0].address, "first", "").await.held;
    let gateways: Vec<_> = (0..3)
        .map(|i| {
            let (random, from) = (Random::seeded(i), start.clone());
            tokio::spawn(traffic::follow(addresses.clone(), format!("gateway-{i}"), random, from))
        })
        .collect();
    let (pool, load) = (stage.db.pool_of(4), Load::until_stopped());
    let revokers: Vec<_> =
        (0..4).map(|i| tokio::spawn(traffic::revoke(pool.clone(), Random::seeded(10 + i), load.clone()))).collect();
    let workers: Vec<_> = (0..3)
        .map(|i| tokio::spawn(traffic::publish(addresses.clone(), Random::seeded(20 + i), i as usize, load.clone())))
        .collect();
    for round in 0..6 {
        // A new one comes, an old one goes, in the middle of it all.
        let new = stage.replica().await;
        let old = replicas.remove(0);
        *addresses.lock() = replicas.iter().chain([&new]).map(|r| r.address).collect();
        replicas.push(new);
        if round % 2 == 0 {
            old.kill()
        } else {
            old.stop().await
        }
        let ticks = stage.count("SELECT count(*) FROM push_ticks").await;
        eventually(PATIENCE, "events flow on", || async {
            stage.count("SELECT count(*) FROM push_ticks").await > ticks + 30
        })
        .await;
    }
    load.stop();
    let mut written = Written::default();
    for task in revokers.into_iter().chain(workers) {
        written.add(task.await.unwrap());
    }
    Publisher::connect(replicas[0].address).await.one(event("end", "end")).await;
    for gateway in gateways {
        traffic::check(&gateway.await.unwrap(), &written);
    }
}
