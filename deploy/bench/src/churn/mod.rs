//! Minutes of rows that come, are worked and are removed again, through the four processes as they are delivered: whether removal
//! by age keeps up and frees space, and whether the memory of each process stays as it is (docs/queue.md).
//!
//! Games have turns, mails go to a relay, events to a gateway. Processes, Postgres, relay and gateway share the machine. What a
//! held snapshot and a million due rows make of the engine alone: `queue`.

mod load;
mod seen;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};
use shared::domain::notification;
use shared::ids::{GameId, UserId};
use shared::proto::push::push_event::Kind;
use shared::queue::wake::{self, WakeTiming};
use shared::random::Random;
use shared::service::lifecycle::Lifecycle;
use testkit::TestDb;
use testkit::process::Proc;
use testkit::stack::{end_engine_processes, engine_binary};
use tokio::time::Instant;

use self::load::{Producer, Told};
use self::seen::{Look, Seen};
use crate::hub::gateways::{self, Gateway};
use crate::mail::sink::Sink;
use crate::served::Served;
use crate::{fan_out, starts};

/// How long, and how much
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Minutes; from five on the growth is held against the bars, below it is printed alone
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..))]
    minutes: u64,
    /// Seconds for which finished rows are kept
    #[arg(long, default_value_t = 30, value_parser = clap::value_parser!(u64).range(1..))]
    retention: u64,
    /// Accounts, all of which each broadcast is for
    #[arg(long, default_value_t = 10_000, value_parser = clap::value_parser!(u32).range(1..))]
    accounts: u32,
    /// Seconds from one broadcast to the next, at least: it waits for the end of the one before
    #[arg(long, default_value_t = 10)]
    every: u64,
    /// Notifications a second of single players, with an event and a mail each
    #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..))]
    mails: u32,
    /// Games, with a turn every two seconds each
    #[arg(long, default_value_t = 8, value_parser = clap::value_parser!(u32).range(1..))]
    games: u32,
}

/// From so many minutes on growth counts: below, the tables still fill, and vacuum has not come round twice.
const SETTLED: u64 = 5;
/// Longer than anything takes that is waited for.
const PATIENCE: Duration = Duration::from_secs(600);
/// Nobody reads the lines of these processes, and they are written all the same.
const LOG: &str = "/dev/null";
/// For how long events can be resumed to: their ticks reach their number within the first fifth.
const WINDOW: &str = "1m";
/// Players who are told of something of their own, where there are so many.
const PEOPLE: u32 = 100;
const SCHEDULE: &str = "@every 2s";

/// Runs it, and prints what was seen.
///
/// # Errors
/// When a part does not start or ends, a mail or an event does not come or comes twice, or a bar is missed.
pub async fn run(args: &Args) -> Result<()> {
    let (log, retention) = (Path::new(LOG), format!("{}s", args.retention));
    let served = Served::start(log, &[("BACKEND_FRESHNESS_WINDOW", WINDOW)]).await?;
    fan_out::seed(&served.db, usize::try_from(args.accounts)?).await?;
    let people = people(&served.db).await?;
    let gateway = gateways::subscribe(&[served.grpc], 1, "").await?.pop().context("a gateway")?;
    let came = Arc::new(AtomicUsize::new(0));
    let following = tokio::spawn(follow(gateway, Arc::clone(&came)));

    let relay = Sink::start(Duration::ZERO).await?;
    let mail = mail_worker(&served, &relay, &retention).await?;
    let notify = served.notify_worker(log, &[("BACKEND_RETENTION_NOTIFICATIONS", retention.as_str())]).await?;
    let root = tempfile::tempdir()?;
    let engines = Engines(root.path().join("games"));
    let controller = controller(&served, &engines.0, &retention).await?;
    let image = engine_binary()?.display().to_string();
    starts::by_jobs(usize::try_from(args.games)?, &image, SCHEDULE, &served.db).await?;

    let (lifecycle, random) = (Lifecycle::new(Duration::from_secs(10)), Random::system());
    let (options, timing) = (served.db.options(), WakeTiming::default());
    let (waker, _listener) = wake::start_with(options.clone(), options, &lifecycle, &random, timing);
    let producer = Producer {
        db: &served.db,
        waker,
        people,
        games: games(&served.db).await?,
        accounts: usize::try_from(count(&served.db, "SELECT count(*) FROM accounts").await?)?,
        mails: usize::try_from(args.mails)?,
        every: Duration::from_secs(args.every),
    };
    let look = Look {
        db: &served.db,
        processes: [
            ("api-server", &served.process),
            ("mail-worker", &mail),
            ("notify-worker", &notify),
            ("runtime-controller", &controller),
        ],
        retention: Duration::from_secs(args.retention),
    };
    println!("{} accounts, {} games, rows are kept for {retention}; {} min", args.accounts, args.games, args.minutes);
    println!("Postgres flushes each commit (fsync and synchronous_commit are on)\n");
    let turns = count(&served.db, TURNS).await?;
    let time = Duration::from_secs(args.minutes.saturating_mul(60));
    let until = Instant::now() + time;
    let (told, seen) = tokio::try_join!(producer.run(until), look.until(until))?;

    let turns = count(&served.db, TURNS).await? - turns;
    all_came(&told, &relay, &came).await?;
    ensure!(!following.is_finished(), "the gateway's stream broke");
    following.abort();
    lifecycle.stop();
    lifecycle.run_to_end().await;
    ensure!(turns > 0, "no game had a turn");
    judge(args, time, &told, turns, &seen)
}

/// Turns of all games.
const TURNS: &str = "SELECT coalesce(sum(current_turn), 0)::bigint FROM games";

async fn count(db: &TestDb, sql: &'static str) -> Result<i64> {
    Ok(sqlx::query_scalar(sql).fetch_one(&db.pool()).await?)
}

/// Gives the first accounts an address each, and answers whose they are.
async fn people(db: &TestDb) -> Result<Vec<UserId>> {
    let people: Vec<String> = sqlx::query_scalar(
        "INSERT INTO identities (identity_id, user_id, kind, external_id)
         SELECT gen_random_uuid(), user_id, 'email', user_name || '@example.org'
           FROM (SELECT user_id, user_name FROM accounts ORDER BY user_id LIMIT $1) AS first
         RETURNING user_id::text",
    )
    .bind(i64::from(PEOPLE))
    .fetch_all(&db.pool())
    .await?;
    people.iter().map(|id| id.parse::<UserId>().context("a user's id")).collect()
}

async fn games(db: &TestDb) -> Result<Vec<GameId>> {
    let games: Vec<String> = sqlx::query_scalar("SELECT game_id::text FROM games").fetch_all(&db.pool()).await?;
    games.iter().map(|id| id.parse::<GameId>().context("a game's id")).collect()
}

/// The engines below a folder, which the controller leaves running. They end when it is dropped.
struct Engines(PathBuf);

impl Drop for Engines {
    fn drop(&mut self) {
        end_engine_processes(&self.0);
    }
}

async fn controller(served: &Served, games: &Path, retention: &str) -> Result<Proc> {
    let games = games.display().to_string();
    let settings = [
        ("BACKEND_RUNTIME_DRIVER", "process"),
        ("BACKEND_GAME_STATE_ROOT", games.as_str()),
        ("BACKEND_ENGINE_ADDRESSING", "ip"),
        ("BACKEND_RETENTION_OPERATIONS", retention),
        // Engines have the controller's settings of this name: no game is to end meanwhile.
        ("GALAXY_TURN_LIMIT", "100000"),
    ];
    served.worker("runtime-controller", Path::new(LOG), &settings).await
}

async fn mail_worker(served: &Served, relay: &Sink, retention: &str) -> Result<Proc> {
    let (host, port) = (relay.addr.ip().to_string(), relay.addr.port().to_string());
    let settings = [
        ("BACKEND_SMTP_HOST", host.as_str()),
        ("BACKEND_SMTP_PORT", port.as_str()),
        ("BACKEND_SMTP_FROM", "Galaxy <noreply@galaxy.test>"),
        ("BACKEND_SMTP_TLS_MODE", "none"),
        ("BACKEND_RETENTION_MAIL", retention),
    ];
    served.worker("mail-worker", Path::new(LOG), &settings).await
}

/// Counts what the producer tells of; turns are told of besides.
async fn follow(mut gateway: Gateway, came: Arc<AtomicUsize>) -> Result<()> {
    let ours = [notification::Kind::LobbyRaceNameExpired, notification::Kind::LobbyApplicationApproved];
    loop {
        match gateway.next().await?.kind {
            Some(Kind::ClientEvent(event)) if ours.iter().any(|kind| kind.as_str() == event.kind) => {
                came.fetch_add(1, Ordering::Relaxed);
            }
            Some(Kind::ResumeGap(gap)) => bail!("events were lost: {gap:?}"),
            _ => {}
        }
    }
}

/// Waits until all that was told has come, and fails where something came twice.
async fn all_came(told: &Told, relay: &Sink, came: &AtomicUsize) -> Result<()> {
    let began = Instant::now();
    while came.load(Ordering::Relaxed) < told.events {
        ensure!(began.elapsed() < PATIENCE, "{} of {} events came", came.load(Ordering::Relaxed), told.events);
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    relay.has(told.mails, PATIENCE).await?;
    let (events, mails) = (came.load(Ordering::Relaxed), relay.mails());
    ensure!(events == told.events, "{events} events came of {}", told.events);
    ensure!(mails == told.mails, "{mails} mails came of {}", told.mails);
    Ok(())
}

/// Prints the table, and fails where a bar is missed.
fn judge(args: &Args, time: Duration, told: &Told, turns: i64, seen: &Seen) -> Result<()> {
    let a_second = |number: f64| number / time.as_secs_f64();
    println!(
        "a second: {:.0} events, {:.0} mails, {:.1} turns; none is missing or twice there",
        a_second(told.events as f64),
        a_second(told.mails as f64),
        a_second(turns as f64)
    );
    println!("rows that should have been gone, at most: {}\n", seen.late);
    println!("{:<38} {:>12} {:>12} {:>6}  bar", "MiB, median of a fifth of the time", "second", "last", "ratio");
    let mut missed = Vec::new();
    for series in &seen.series {
        let growth = series.growth();
        println!("{growth}");
        if args.minutes >= SETTLED && growth.is_missed() {
            missed.push(format!("{}: ×{:.2}", growth.name, growth.ratio()));
        }
    }
    if seen.late > 0 {
        missed.push(format!("{} rows stayed too long", seen.late));
    }
    if args.minutes < SETTLED {
        println!("\nless than {SETTLED} min: the growth is not held against its bar");
    }
    ensure!(missed.is_empty(), "missed: {}", missed.join("; "));
    Ok(())
}
