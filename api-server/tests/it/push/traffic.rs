//! Writers as the product has them: transactions that revoke while they hold a row, and workers that publish.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use parking_lot::Mutex;
use shared::db::push_log;
use shared::ids::UserId;
use shared::proto::push::{ClientEvent, PushEvent};
use shared::random::Random;
use sqlx::{Connection as _, Executor as _, PgPool};

use super::gateway::{Publisher, Subscription, client_event, event, mark};

pub const ENTITIES: u64 = 4;

/// How long writers write: so many rounds, or until told to stop.
#[derive(Clone)]
pub struct Load {
    rounds: usize,
    stopped: Arc<AtomicBool>,
    /// An event of an earlier epoch has no place any more, and a repeated call answers none.
    epoch_moves: bool,
}

impl Load {
    pub fn of(rounds: usize) -> Self {
        Self { rounds, stopped: Arc::default(), epoch_moves: false }
    }

    pub fn until_stopped() -> Self {
        Self::of(usize::MAX)
    }

    /// The same, over a failover.
    pub fn across_epochs() -> Self {
        Self { epoch_moves: true, ..Self::until_stopped() }
    }

    pub fn stop(&self) {
        self.stopped.store(true, Ordering::SeqCst);
    }

    fn rounds(&self) -> impl Iterator<Item = usize> {
        (0..self.rounds).take_while(|_| !self.stopped.load(Ordering::SeqCst))
    }
}

/// Where the replicas are now.
pub type Addresses = Arc<Mutex<Vec<SocketAddr>>>;

/// What writers know of their own work.
#[derive(Default)]
pub struct Written {
    /// Marks of events that are committed for certain.
    pub committed: BTreeSet<String>,
    /// Marks whose commit's answer was lost.
    pub unknown: BTreeSet<String>,
    /// What Publish answered, by mark.
    pub cursors: BTreeMap<String, String>,
}

impl Written {
    pub fn add(&mut self, other: Written) {
        self.committed.extend(other.committed);
        self.unknown.extend(other.unknown);
        self.cursors.extend(other.cursors);
    }
}

pub async fn entities(pool: &PgPool) {
    pool.execute("CREATE TABLE entity (id bigint PRIMARY KEY, n bigint NOT NULL)").await.unwrap();
    pool.execute("INSERT INTO entity SELECT i, 0 FROM generate_series(0, 3) i").await.unwrap();
}

async fn pause(random: &Random, up_to: u64) {
    tokio::time::sleep(Duration::from_micros(random.below(up_to))).await;
}

/// Revokes in transactions with random delays before the commit, savepoints rolled back, savepoints kept, and whole
/// transactions rolled back. Each event is written under the lock of its entity and carries the entity's counter, so
/// the counters must come out in order.
pub async fn revoke(pool: PgPool, random: Random, load: Load) -> Written {
    let mut written = Written::default();
    for _ in load.rounds() {
        let _ = revoke_once(&pool, &random, &mut written).await;
        pause(&random, 3_000).await;
    }
    written
}

async fn revoke_once(pool: &PgPool, random: &Random, written: &mut Written) -> Result<(), shared::db::Error> {
    let (user, entity) = (UserId::new(), random.below(ENTITIES));
    let mut tx = pool.begin().await?;
    let n: i64 = sqlx::query_scalar("UPDATE entity SET n = n + 1 WHERE id = $1 RETURNING n")
        .bind(i64::try_from(entity).unwrap())
        .fetch_one(&mut *tx)
        .await?;
    pause(random, 5_000).await;
    if random.below(3) == 0 {
        let mut undone = tx.begin().await?;
        push_log::append_invalidation(&mut undone, user, &[], "never").await?;
        undone.rollback().await?;
    }
    let (first, second) = (format!("entity:{entity}:{n}:0"), format!("entity:{entity}:{n}:1"));
    let mut mine = vec![first.clone()];
    push_log::append_invalidation(&mut tx, user, &[], &first).await?;
    if random.below(3) == 0 {
        // A subtransaction that stays: its rows carry the top-level transaction's number.
        let mut kept = tx.begin().await?;
        push_log::append_invalidation(&mut kept, user, &[], &second).await?;
        kept.commit().await?;
        mine.push(second);
    }
    pause(random, 8_000).await;
    if random.below(5) == 0 {
        return Ok(tx.rollback().await?);
    }
    match tx.commit().await {
        Ok(()) => written.committed.extend(mine),
        // The answer was lost, not necessarily the commit.
        Err(_) => written.unknown.extend(mine),
    }
    Ok(())
}

/// Publishes batches, in order, to whichever replica; repeats until the answer comes, and then some.
pub async fn publish(addresses: Addresses, random: Random, name: usize, load: Load) -> Written {
    let mut written = Written::default();
    let mut earlier: Vec<Vec<ClientEvent>> = Vec::new();
    for batch in load.rounds() {
        let size = 1 + random.below(8);
        let events: Vec<_> = (0..size).map(|i| event("test", format!("worker:{name}:{batch:04}{i:04}"))).collect();
        let cursors = publish_until_answered(&addresses, &random, &events).await;
        for (event, cursor) in events.iter().zip(cursors) {
            written.committed.insert(event.request_id.clone());
            written.cursors.insert(event.request_id.clone(), cursor);
        }
        if random.below(3) == 0
            && let Some(again) = earlier.get(random.below(earlier.len().max(1) as u64) as usize)
        {
            let repeated = publish_until_answered(&addresses, &random, again).await;
            for (event, cursor) in again.iter().zip(repeated) {
                let moved = load.epoch_moves && cursor.is_empty();
                let known = &written.cursors[&event.request_id];
                assert!(
                    moved || *known == cursor,
                    "the same id has the same cursor everywhere: {known}, then {cursor}"
                );
            }
        }
        earlier.push(events);
        pause(&random, 4_000).await;
    }
    written
}

async fn publish_until_answered(addresses: &Addresses, random: &Random, events: &[ClientEvent]) -> Vec<String> {
    let deadline = tokio::time::Instant::now() + super::PATIENCE;
    loop {
        let address = {
            let addresses = addresses.lock();
            addresses[random.below(addresses.len() as u64) as usize]
        };
        // The replica may be gone, or go now.
        let call = async { Publisher::try_connect(address).await?.publish(events.to_vec()).await };
        let answer = tokio::time::timeout(Duration::from_secs(5), call)
            .await
            .unwrap_or_else(|_| Err(tonic::Status::deadline_exceeded("no answer")));
        match answer {
            Ok(cursors) => return cursors,
            Err(status) => assert!(tokio::time::Instant::now() < deadline, "publishing never succeeds: {status}"),
        }
        pause(random, 20_000).await;
    }
}

/// A gateway that comes back with its cursor, to whichever replica there is, until it has seen the event of kind `end`.
pub async fn follow(addresses: Addresses, client: String, random: Random, from: String) -> Vec<PushEvent> {
    let (mut seen, mut held) = (Vec::new(), from);
    loop {
        let address = {
            let addresses = addresses.lock();
            addresses[random.below(addresses.len() as u64) as usize]
        };
        if let Ok(mut stream) = Subscription::try_open(address, &client, &held).await {
            assert_eq!(stream.hello.resumed_from, held, "no replica resumes elsewhere");
            while let Ok(Some(frame)) = stream.frame().await {
                held = frame.cursor.clone();
                match &frame.kind {
                    Some(shared::proto::push::push_event::Kind::Bookmark(_)) => {}
                    Some(shared::proto::push::push_event::Kind::ClientEvent(e)) if e.kind == "end" => return seen,
                    Some(shared::proto::push::push_event::Kind::ResumeGap(gap)) => panic!("{gap:?}"),
                    _ => seen.push(frame),
                }
            }
        }
        pause(&random, 30_000).await;
    }
}

/// What was seen is what was written: each event once, numbered as Publish said, in order for each writer and entity.
pub fn check(seen: &[PushEvent], written: &Written) {
    let marks: Vec<&str> = seen.iter().map(mark).collect();
    let set: BTreeSet<String> = marks.iter().map(|mark| (*mark).to_owned()).collect();
    assert_eq!(set.len(), marks.len(), "nothing twice");
    assert!(written.committed.is_subset(&set), "lost: {:?}", written.committed.difference(&set).collect::<Vec<_>>());
    let invented: Vec<_> = set.difference(&written.committed).filter(|mark| !written.unknown.contains(*mark)).collect();
    assert!(invented.is_empty(), "never committed: {invented:?}");
    let mut last: BTreeMap<String, (u64, u64)> = BTreeMap::new();
    for mark in marks {
        // entity:<id>:<n>:<part> or worker:<name>:<number>
        let parts: Vec<&str> = mark.split(':').collect();
        let number = |i: usize| parts.get(i).map_or(0, |part| part.parse().unwrap());
        let now = (number(2), number(3));
        let before = last.insert(format!("{}:{}", parts[0], parts[1]), now);
        assert!(before < Some(now), "{mark} after {before:?}");
    }
    for frame in seen {
        if let Some(cursor) = written.cursors.get(mark(frame)) {
            assert_eq!(
                *cursor,
                frame.cursor,
                "Publish had answered another place for {}",
                client_event(frame).event_id
            );
        }
    }
}
