//! A failover to a standby that streamed from the primary, while gateways follow and writers write. Replication is synchronous, so
//! what was answered is what the standby has.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use shared::proto::push::PushEvent;
use shared::proto::push::push_event::Kind;
use shared::proto::push::resume_gap::Reason;
use shared::random::Random;
use sqlx::PgPool;
use sqlx::postgres::PgPoolOptions;
use testkit::failover::Pair;
use testkit::{TestDb, eventually};
use tonic::Code;

use super::PATIENCE;
use super::gateway::{Publisher, Subscription, cursor, event, mark};
use super::stage::{Like, Stage};
use super::traffic::{self, Load, Written};

/// What one stream was told, from before the failover to the event of kind `end`.
struct Told {
    /// Marks of the events, in their order.
    marks: Vec<String>,
    /// The cursor that was held when the gap came.
    held: String,
}

/// Reads a stream to the event of kind `end`; one gap must come on the way, and say that the epoch moved. Who had left comes with
/// what they have seen, and with the cursor that they held then.
async fn follow(mut stream: Subscription, earlier: Option<(Vec<PushEvent>, String)>) -> Told {
    let (seen, mut left) = earlier.map_or((Vec::new(), None), |(seen, left)| (seen, Some(left)));
    let mut marks: Vec<String> = seen.iter().map(|frame| mark(frame).to_owned()).collect();
    let mut held = None;
    loop {
        let before = left.take().unwrap_or_else(|| stream.held.clone());
        let frame = stream.next().await;
        match frame.kind.as_ref() {
            Some(Kind::ResumeGap(gap)) => {
                assert_eq!(gap.reason(), Reason::Epoch, "{gap:?}");
                assert_eq!(cursor(&gap.oldest).seq, 1, "all of the new epoch comes: {gap:?}");
                assert!(held.replace(before).is_none(), "told once");
            }
            Some(Kind::ClientEvent(event)) if event.kind == "end" => {
                return Told { marks, held: held.expect("told of the new epoch") };
            }
            _ => marks.push(mark(&frame).to_owned()),
        }
    }
}

/// The database behind the address that moves.
fn moving(db: &TestDb, pair: &Pair) -> PgPool {
    let options = db.options().host("127.0.0.1").port(pair.proxy.addr().port());
    PgPoolOptions::new().max_connections(6).connect_lazy_with(options)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failover_to_a_standby_moves_the_epoch_tells_every_gateway_and_loses_nothing_that_was_answered() {
    let mut pair = Pair::start().await;
    let stage = Stage::on(&pair.primary).await;
    traffic::entities(&stage.pool()).await;
    let via = Some(pair.proxy.addr());
    // However long this machine takes to promote: what ends a stream has a test of its own.
    let like = || Like {
        works_via: via,
        listens_via: via,
        watched: true,
        ..Like::with(|config| config.blind_limit = Duration::from_secs(600))
    };
    let replicas = [stage.replica_like(like()).await, stage.replica_like(like()).await];
    let addresses = Arc::new(Mutex::new(replicas.iter().map(|replica| replica.address).collect::<Vec<_>>()));
    let mut streams = Vec::new();
    for (number, replica) in replicas.iter().enumerate() {
        streams.push(Subscription::open(replica.address, &format!("through-{number}"), "").await);
    }
    let start = streams[0].held.clone();
    assert_eq!(cursor(&start).seq, 0, "nothing was published yet");
    let following: Vec<_> = streams.into_iter().map(|stream| tokio::spawn(follow(stream, None))).collect();
    let mut away = Subscription::open(replicas[1].address, "away", &start).await;

    let (load, pool) = (Load::across_epochs(), moving(&stage.db, &pair));
    let revokers: Vec<_> =
        (0..3).map(|i| tokio::spawn(traffic::revoke(pool.clone(), Random::seeded(i), load.clone()))).collect();
    let workers: Vec<_> = (0..3)
        .map(|i| {
            let random = Random::seeded(10 + i as u64);
            tokio::spawn(traffic::publish(addresses.clone(), random, i, load.clone()))
        })
        .collect();
    // One gateway goes with what it has, and comes back when all is over.
    let seen = away.take(20).await;
    let left = away.held.clone();
    drop(away);

    pair.lose_the_primary().await;
    eventually(PATIENCE, "readiness says so", || async { replicas.iter().all(|replica| !replica.is_ready()) }).await;
    let refused = Publisher::connect(replicas[0].address).await.publish(vec![event("test", "on a standby")]).await;
    assert_eq!(refused.expect_err("it is read-only").code(), Code::Unavailable);
    pair.promote();
    eventually(PATIENCE, "they are ready again", || async { replicas.iter().all(|replica| replica.is_ready()) }).await;
    let ticks = "SELECT count(*) FROM push_ticks WHERE epoch = (SELECT max(epoch) FROM push_epochs)";
    eventually(PATIENCE, "events flow again", || async {
        match sqlx::query_scalar::<_, i64>(ticks).fetch_one(&pool).await {
            Ok(ticks) if ticks > 5 => Ok(()),
            other => Err(format!("{other:?}")),
        }
    })
    .await;
    load.stop();
    let mut written = Written::default();
    for task in revokers.into_iter().chain(workers) {
        written.add(task.await.unwrap());
    }
    let back = Subscription::open(replicas[0].address, "away", &left).await;
    let back = tokio::spawn(follow(back, Some((seen, left))));
    Publisher::connect(replicas[0].address).await.one(event("end", "end")).await;

    // What was answered is there.
    let stored: Vec<String> = sqlx::query_scalar(
        "SELECT CASE what WHEN 'client' THEN request_id ELSE reason END FROM push_events WHERE kind <> 'end'",
    )
    .fetch_all(&pool)
    .await
    .unwrap();
    let stored: BTreeSet<String> = stored.into_iter().collect();
    let lost: Vec<_> = written.committed.difference(&stored).collect();
    assert!(lost.is_empty(), "answered and lost: {lost:?}");
    let epochs: i64 = sqlx::query_scalar("SELECT count(*) FROM push_epochs").fetch_one(&pool).await.unwrap();
    assert_eq!(epochs, 2, "one replica opened an epoch, the other took it over");
    // What was numbered before the failover and not read yet is what a gap is told for. Everything else came, once.
    // The first tick of an epoch has the last snapshot of the one before: what it sees was numbered there, from 1 on.
    let numbered: i64 = sqlx::query_scalar(
        "SELECT count(*) FROM push_events e JOIN push_ticks t ON t.tick_id = 0 AND pg_visible_in_snapshot(e.xid, t.snap)
          WHERE t.epoch = (SELECT max(epoch) FROM push_epochs)",
    )
    .fetch_one(&pool)
    .await
    .unwrap();
    for stream in following.into_iter().chain([back]) {
        let told = stream.await.unwrap();
        let marks: BTreeSet<String> = told.marks.iter().cloned().collect();
        assert_eq!(marks.len(), told.marks.len(), "nothing twice");
        assert!(
            marks.is_subset(&stored),
            "told of what is not there: {:?}",
            marks.difference(&stored).collect::<Vec<_>>()
        );
        let unread = usize::try_from(numbered - cursor(&told.held).seq).unwrap();
        assert_eq!(stored.len() - marks.len(), unread, "more is missing than the gap of {} says", told.held);
    }
    for replica in replicas {
        replica.stop().await;
    }
}
