//! One notification to everybody (docs/notifications.md): how long until the events of all are at the gateway, and what another
//! user's own event waits meanwhile. api-server, notify-worker and Postgres are processes of their own.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use parking_lot::Mutex;
use shared::db::notifications::{NewNotification, produce};
use shared::domain::notification::{Audience, Payload};
use shared::ids::UserId;
use shared::proto::push::push_event::Kind;
use shared::queue::wake::{self, WakeTiming};
use shared::queue::{Topic, Waker};
use shared::random::Random;
use shared::service::lifecycle::Lifecycle;
use testkit::TestDb;

use crate::hub::gateways::{self, Gateway};
use crate::served::Served;
use crate::spread::{Spread, quantile};

/// The events of all are at the gateway within this, in seconds.
const ALL_SECONDS: f64 = 10.0;
/// And 99 of 100 of the others' events are there within this, in milliseconds: what "not delayed" is taken for.
const OTHERS_MS: f64 = 250.0;
/// Between two events of others.
const PAUSE: Duration = Duration::from_millis(50);
/// Longer than anything here takes.
const PATIENCE: Duration = Duration::from_secs(600);
/// Nobody reads the lines of these processes, and they are written all the same.
const LOG: &str = "/dev/null";

/// How many
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Accounts, all of which the notification is for
    #[arg(long, default_value_t = 100_000)]
    accounts: usize,
    /// Events of others before each, when nothing else is told
    #[arg(long, default_value_t = 100)]
    quiet: usize,
    /// Rounds, three at least
    #[arg(long, default_value_t = 3)]
    rounds: usize,
}

/// What has come to the gateway: how many events of each notification, and when the last of them came.
#[derive(Default)]
struct Came {
    by_key: Mutex<HashMap<String, (usize, Instant)>>,
}

impl Came {
    /// When the last of so many events of a notification came.
    async fn all(&self, key: &str, events: usize) -> Result<Instant> {
        let began = Instant::now();
        loop {
            let (came, last) = self.by_key.lock().get(key).copied().unwrap_or((0, began));
            if came >= events {
                return Ok(last);
            }
            ensure!(began.elapsed() < PATIENCE, "{came} of {events} events came");
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }

    fn count(&self, key: &str) -> usize {
        self.by_key.lock().get(key).map_or(0, |(came, _)| *came)
    }
}

/// Whoever tells.
struct Producer<'a> {
    db: &'a TestDb,
    waker: Waker,
    came: Arc<Came>,
    /// Who is told of something of their own.
    other: UserId,
    told: usize,
}

impl Producer<'_> {
    /// Writes a notification, and answers when it was committed.
    async fn tell(&self, key: &str, audience: Audience) -> Result<Instant> {
        let new = NewNotification {
            payload: Payload::LobbyRaceNameExpired { race_name: "Vega".to_owned() },
            idempotency_key: key.to_owned(),
            audience,
            game_id: None,
            request_id: None,
            traceparent: None,
        };
        let mut tx = self.db.pool().begin().await?;
        produce(&mut tx, new).await?;
        tx.commit().await?;
        let committed = Instant::now();
        self.waker.wake(Topic::Notifications);
        Ok(committed)
    }

    /// Tells the other of something, and answers by which key and when.
    async fn another(&mut self) -> Result<(String, Instant)> {
        self.told += 1;
        let key = format!("other-{}", self.told);
        let committed = self.tell(&key, Audience::Users(vec![self.other])).await?;
        tokio::time::sleep(PAUSE).await;
        Ok((key, committed))
    }

    /// How long each of these took to the gateway, in milliseconds, in order.
    async fn late(&self, told: Vec<(String, Instant)>) -> Result<Vec<f64>> {
        let mut late = Vec::with_capacity(told.len());
        for (key, committed) in told {
            let came = self.came.all(&key, 1).await?;
            late.push(came.saturating_duration_since(committed).as_secs_f64() * 1000.0);
        }
        late.sort_by(f64::total_cmp);
        Ok(late)
    }
}

/// Measures and prints a table.
///
/// # Errors
/// When a part does not start, an event does not come or comes twice, or a bar is missed.
pub async fn run(args: &Args) -> Result<()> {
    let served = Served::start(Path::new(LOG), &[]).await?;
    let accounts = args.accounts.max(1);
    let other = seed(&served.db, accounts).await?;
    let _worker = served.notify_worker(Path::new(LOG), &[]).await?;
    let gateway = gateways::subscribe(&[served.grpc], 1, "").await?.pop().context("a gateway")?;
    let came = Arc::new(Came::default());
    let following = tokio::spawn(follow(gateway, Arc::clone(&came)));
    let (lifecycle, random) = (Lifecycle::new(Duration::from_secs(10)), Random::system());
    let (options, timing) = (served.db.options(), WakeTiming::default());
    let (waker, _listener) = wake::start_with(options.clone(), options, &lifecycle, &random, timing);
    let mut producer = Producer { db: &served.db, waker, came: Arc::clone(&came), other, told: 0 };
    println!("{accounts} accounts; Postgres flushes each commit (fsync and synchronous_commit are on)\n");
    let (mut took, mut quiet, mut beside) = (Vec::new(), Quantiles::default(), Quantiles::default());
    for round in 1..=args.rounds.max(3) {
        let mut told = Vec::new();
        for _ in 0..args.quiet.max(1) {
            told.push(producer.another().await?);
        }
        quiet.add(&producer.late(told).await?);
        let (key, mut told) = (format!("everybody-{round}"), Vec::new());
        let committed = producer.tell(&key, Audience::Everyone).await?;
        // Told whether or not the one before has come.
        while came.count(&key) < accounts {
            ensure!(!following.is_finished(), "the gateway's stream broke");
            ensure!(committed.elapsed() < PATIENCE, "{} of {accounts} events came", came.count(&key));
            told.push(producer.another().await?);
        }
        let last = came.all(&key, accounts).await?;
        took.push(last.duration_since(committed).as_secs_f64());
        beside.add(&producer.late(told).await?);
        ensure!(came.count(&key) == accounts, "{} events for {accounts} accounts", came.count(&key));
    }
    following.abort();
    lifecycle.stop();
    lifecycle.run_to_end().await;
    judge(accounts, &Spread::of(took), quiet, beside)
}

/// The p50 and the p99 of each round.
#[derive(Default)]
struct Quantiles {
    p50: Vec<f64>,
    p99: Vec<f64>,
}

impl Quantiles {
    fn add(&mut self, late: &[f64]) {
        self.p50.push(quantile(late, 0.5));
        self.p99.push(quantile(late, 0.99));
    }
}

/// Prints the table, and fails where a bar is missed.
fn judge(accounts: usize, took: &Spread, quiet: Quantiles, beside: Quantiles) -> Result<()> {
    let [quiet_p50, quiet_p99, beside_p50, beside_p99] = [quiet.p50, quiet.p99, beside.p50, beside.p99].map(Spread::of);
    println!("{:<44} {took:>24} {:>24}  ≤ {ALL_SECONDS} s", format!("{accounts} events at the gateway, s"), "");
    println!("{:<44} {:>24} {:>24}", "another's event", "p50", "p99");
    println!("{:<44} {quiet_p50:>24} {quiet_p99:>24}", "before, ms");
    println!("{:<44} {beside_p50:>24} {beside_p99:>24}  p99 ≤ {OTHERS_MS} ms", "meanwhile, ms");
    let mut missed = Vec::new();
    if took.median > ALL_SECONDS {
        missed.push(format!("{accounts} events: {:.1} s, {ALL_SECONDS} allowed", took.median));
    }
    if beside_p99.median > OTHERS_MS {
        missed.push(format!("another's event: p99 {:.0} ms, {OTHERS_MS} allowed", beside_p99.median));
    }
    ensure!(missed.is_empty(), "missed: {}", missed.join("; "));
    Ok(())
}

/// So many accounts; answers one of them.
pub async fn seed(db: &TestDb, accounts: usize) -> Result<UserId> {
    sqlx::query(
        "INSERT INTO accounts (user_id, user_name, preferred_language, time_zone)
         SELECT ('00000000-0000-7000-8000-' || lpad(to_hex(n), 12, '0'))::uuid, 'u-' || n, 'en', 'UTC'
           FROM generate_series(1, $1::int) AS n",
    )
    .bind(i32::try_from(accounts)?)
    .execute(&db.pool())
    .await?;
    sqlx::query("ANALYZE").execute(&db.pool()).await?;
    "00000000-0000-7000-8000-000000000001".parse().context("a user's id")
}

async fn follow(mut gateway: Gateway, came: Arc<Came>) -> Result<()> {
    loop {
        if let Some(Kind::ClientEvent(event)) = gateway.next().await?.kind {
            let now = Instant::now();
            let mut by_key = came.by_key.lock();
            let (events, last) = by_key.entry(event.request_id).or_insert((0, now));
            *events += 1;
            *last = now;
        }
    }
}
