//! Rows a second through the real engine of `shared/src/queue`, beside the very statements by pgbench and beside others' queues;
//! how soon an idle engine picks a row up; and what an old snapshot and a million due rows make of it (docs/queue.md).
//!
//! The engine runs in this process; Postgres, pgbench and the others share the machine with it, so the ratios count.

mod bare;
mod engine;
mod peers;
mod table;

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use sqlx::ConnectOptions as _;
use testkit::{PostgresConfig, PostgresServer};

use self::peers::Peer;
use crate::spread::{Spread, quantile};

/// The part of what pgbench does with the same statements, at least.
const OF_LIMIT: f64 = 0.7;
/// As many times the best of the others, at least.
const OF_PEERS: f64 = 2.0;
/// Within this 99 of 100 rows are picked up by an idle engine, in milliseconds.
const PICK_UP_MS: f64 = 15.0;
/// With an old snapshot held, and with a million due rows, the rate is such a part of what it is without, at least.
const KEPT: f64 = 0.9;

/// How many, and how long
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Rows of a round; rounded up to whole claims
    #[arg(long, default_value_t = 100_000)]
    rows: usize,
    /// Rounds, three at least
    #[arg(long, default_value_t = 3)]
    rounds: usize,
    /// Calls of the work under way at once
    #[arg(long, default_value_t = 4)]
    slots: usize,
    /// Rows of a call
    #[arg(long, default_value_t = 128)]
    batch: usize,
    /// Connections of pgbench; the engine claims over one and finishes over another
    #[arg(long, default_value_t = 2)]
    clients: usize,
    /// Seconds of rounds under one old snapshot; 600 for the ten minutes of churn
    #[arg(long, default_value_t = 60)]
    held: u64,
    /// Due rows of the great backlog
    #[arg(long, default_value_t = 1_000_000)]
    due: usize,
    /// Rows of a round that an idle engine picks up, one after the other
    #[arg(long, default_value_t = 200)]
    samples: usize,
    /// Jobs of a round of the others
    #[arg(long, default_value_t = 20_000)]
    peer_jobs: usize,
    /// Leave the others out: nothing is installed
    #[arg(long)]
    without_peers: bool,
}

/// What a round is made of.
#[derive(Debug, Clone, Copy)]
struct Load {
    rows: usize,
    slots: usize,
    batch: usize,
    clients: usize,
}

impl Load {
    fn of(args: &Args) -> Self {
        let (slots, batch, clients) = (args.slots.max(1), args.batch.max(1), args.clients.max(1));
        let whole = slots * batch * clients;
        Self { rows: args.rows.max(1).div_ceil(whole) * whole, slots, batch, clients }
    }

    /// Rows of a claim.
    fn claim(&self) -> usize {
        self.slots * self.batch
    }
}

/// Measures all and prints a table.
///
/// # Errors
/// When a part does not start, a row is lost or worked twice, or a bar is missed.
pub async fn run(args: &Args) -> Result<()> {
    // Before anything is measured: the first time it takes a minute.
    let peers = if args.without_peers { Vec::new() } else { Peer::all().await? };
    // Its own server, which flushes each commit.
    let durable = PostgresConfig { durable: true, ..PostgresConfig::default() };
    let server = tokio::task::spawn_blocking(|| PostgresServer::start(durable)).await??;
    let (load, rounds) = (Load::of(args), args.rounds.max(3));
    println!("{} rows a round, claims of up to {}, pgbench over {} connections", load.rows, load.claim(), load.clients);
    println!("Postgres flushes each commit (fsync and synchronous_commit are on)");
    println!("rows a second: the median of {rounds} rounds with the least and the most\n");
    println!("{:<38} {:>24} {:>24} {:>6}  bar", "", "ours/s", "beside it/s", "ratio");
    let mut missed = Vec::new();
    let ours = beside_pgbench(&server, &load, rounds, &mut missed).await?;
    under_a_snapshot(&server, &load, rounds, Duration::from_secs(args.held), &ours, &mut missed).await?;
    of_many(&server, &load, rounds, args.due, &ours, &mut missed).await?;
    let mut best: Option<f64> = None;
    for peer in &peers {
        let mut theirs = Vec::new();
        for _ in 0..rounds {
            theirs.push(peer.rate(&server, args.peer_jobs).await?);
        }
        let theirs = Spread::of(theirs);
        row(&format!("beside {}", peer.name), &ours, &theirs, ours.median / theirs.median, "");
        best = Some(best.map_or(theirs.median, |best| best.max(theirs.median)));
    }
    if let Some(best) = best {
        judge(&mut missed, "the best of the others", ours.median / best, OF_PEERS);
    }
    pick_up(args, &server, &load, rounds, &peers, &mut missed).await?;
    ensure!(missed.is_empty(), "missed: {}", missed.join("; "));
    Ok(())
}

/// The plain rate: each round of ours and each of pgbench has a database of its own.
async fn beside_pgbench(
    server: &PostgresServer,
    load: &Load,
    rounds: usize,
    missed: &mut Vec<String>,
) -> Result<Spread> {
    let (mut ours, mut limit) = (Vec::new(), Vec::new());
    for _ in 0..rounds {
        let db = table::database(server).await?;
        table::seed(&db, load.rows).await?;
        ours.extend(engine::rates(&db, load, 1).await?);
        let db = table::database(server).await?;
        table::seed(&db, load.rows).await?;
        limit.push(bare::rate(&db, load).await?);
    }
    let (ours, limit) = (Spread::of(ours), Spread::of(limit));
    let ratio = ours.median / limit.median;
    row("claim, nothing, finish; pgbench", &ours, &limit, ratio, &format!("≥ {OF_LIMIT}"));
    judge(missed, "the same statements by pgbench", ratio, OF_LIMIT);
    Ok(ours)
}

/// Rounds in one table, of which nothing can be removed that dies.
async fn under_a_snapshot(
    server: &PostgresServer,
    load: &Load,
    rounds: usize,
    time: Duration,
    without: &Spread,
    missed: &mut Vec<String>,
) -> Result<()> {
    let db = table::database(server).await?;
    let mut holder = db.options().connect().await?;
    sqlx::query("BEGIN ISOLATION LEVEL REPEATABLE READ").execute(&mut holder).await?;
    sqlx::query("SELECT count(*) FROM bench_jobs").execute(&mut holder).await?;
    let (mut rates, began) = (Vec::new(), Instant::now());
    while rates.len() < rounds || began.elapsed() < time {
        table::seed(&db, load.rows).await?;
        rates.extend(engine::rates(&db, load, 1).await?);
    }
    let lasted = began.elapsed().as_secs();
    // The last ones: by then the most has died.
    let held = Spread::of(rates.split_off(rates.len().saturating_sub(rounds)));
    let ratio = held.median / without.median;
    row(&format!("after {lasted} s of a held snapshot; without"), &held, without, ratio, &format!("≥ {KEPT}"));
    judge(missed, "a held snapshot", ratio, KEPT);
    Ok(())
}

/// The first rounds of a backlog that is far greater than all of them.
async fn of_many(
    server: &PostgresServer,
    load: &Load,
    rounds: usize,
    due: usize,
    few: &Spread,
    missed: &mut Vec<String>,
) -> Result<()> {
    let due = due.max(rounds * load.rows);
    let db = table::database(server).await?;
    table::seed(&db, due).await?;
    let many = Spread::of(engine::rates(&db, load, rounds).await?);
    let ratio = many.median / few.median;
    row(&format!("of {due} due rows; of {}", load.rows), &many, few, ratio, &format!("≥ {KEPT}"));
    judge(missed, &format!("{due} due rows"), ratio, KEPT);
    Ok(())
}

/// How soon an idle engine picks a row up, and how soon the others do.
async fn pick_up(
    args: &Args,
    server: &PostgresServer,
    load: &Load,
    rounds: usize,
    peers: &[Peer],
    missed: &mut Vec<String>,
) -> Result<()> {
    println!("\nfrom a commit to the work, idle, {} rows a round, in ms", args.samples);
    println!("{:<38} {:>24} {:>24}  bar", "", "p50", "p99");
    let line = |name: &str, took: &[Vec<f64>], bar: &str| {
        let of = |share: f64| Spread::of(took.iter().map(|took| quantile(took, share)).collect());
        let (p50, p99) = (of(0.5), of(0.99));
        println!("{name:<38} {p50:>24} {p99:>24}  {bar}");
        p99.median
    };
    let mut took = Vec::new();
    for _ in 0..rounds {
        let db = table::database(server).await?;
        took.push(engine::pick_ups(&db, load, args.samples.max(1)).await?);
    }
    let p99 = line("ours", &took, &format!("p99 ≤ {PICK_UP_MS}"));
    if p99 > PICK_UP_MS {
        missed.push(format!("pick-up: p99 {p99:.1} ms, {PICK_UP_MS} allowed"));
    }
    for peer in peers {
        let mut took = Vec::new();
        for _ in 0..rounds {
            took.push(peer.pick_ups(server, args.samples.max(1)).await?);
        }
        line(peer.name, &took, "");
    }
    Ok(())
}

fn row(what: &str, ours: &Spread, beside: &Spread, ratio: f64, bar: &str) {
    println!("{what:<38} {:>24} {:>24} {ratio:>6.2}  {bar}", ours.whole(), beside.whole());
}

fn judge(missed: &mut Vec<String>, beside: &str, ratio: f64, wanted: f64) {
    if ratio < wanted {
        missed.push(format!("{ratio:.2} of {beside}, {wanted} wanted"));
    }
}
