//! Requests a second and their p99: the gateway's and the players' hot calls through a real `api-server` at log level `info`,
//! each beside what bounds it in the same run: the same statement by pgbench on the same Postgres, and the barest route.
//!
//! Server, Postgres and callers share the machine, so the ratios count.

pub mod caller;
pub mod calls;

use std::time::Duration;

use anyhow::{Result, ensure};

use self::caller::Rate;
use self::calls::{Bar, Call};
use crate::game::{Engine, Game};
use crate::pgbench;
use crate::served::Served;
use crate::spread::Spread;

/// The p99 that no call may exceed, in milliseconds.
const P99: f64 = 15.0;

/// How much, and how long
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Seconds of each measurement
    #[arg(long, default_value_t = 3)]
    seconds: u64,
    /// Rounds
    #[arg(long, default_value_t = 3)]
    rounds: usize,
    /// Connections, each with one request under way
    #[arg(long, default_value_t = 16)]
    connections: usize,
    /// Accounts, with an identity and a session each, in the database
    #[arg(long, default_value_t = 100_000)]
    accounts: u32,
    /// These calls alone, by their names
    #[arg(long)]
    only: Vec<String>,
}

/// Measures all and prints a table.
///
/// # Errors
/// When a part does not start, or a call is not answered as it must be.
pub async fn run(args: &Args) -> Result<()> {
    let root = tempfile::tempdir()?;
    let served = Served::start(&root.path().join("api-server.log"), &[]).await?;
    calls::seed(&served.db, args.accounts).await?;
    let game = Game::start(&served.db, &served.api(), Engine::Quick).await?;
    let ids = calls::Ids::read(&served.db, args.accounts).await?;
    println!(
        "{} accounts, {} connections, {} rounds of {} s;",
        args.accounts, args.connections, args.rounds, args.seconds
    );
    println!("Postgres flushes each commit (fsync and synchronous_commit are on)");
    println!("requests a second: the median of the rounds with the least and the most\n");
    println!("{:<14} {:>26} {:>8} {:>26} {:>6}  bar", "call", "ours/s", "p99 ms", "pgbench/s", "ratio");
    let mut missed = Vec::new();
    for call in calls::all(&ids, &game) {
        if args.only.is_empty() || args.only.iter().any(|name| name == call.name) {
            missed.extend(line(args, &served, &call).await?);
        }
    }
    ensure!(missed.is_empty(), "missed: {}", missed.join("; "));
    Ok(())
}

/// Measures one call and its limit in turn, and answers what is below its bar.
async fn line(args: &Args, served: &Served, call: &Call) -> Result<Vec<String>> {
    let seconds = Duration::from_secs(args.seconds);
    let (mut ours, mut p99, mut limit) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..args.rounds.max(1) {
        let Rate { per_second, p99_ms } = caller::measure(served.address, args.connections, seconds, call).await?;
        ours.push(per_second);
        p99.push(p99_ms);
        if let Some(statements) = &call.statements {
            limit.push(pgbench::measure(&served.db, statements, args.connections, args.accounts, seconds).await?);
        }
    }
    let (ours, p99) = (Spread::of(ours), Spread::of(p99));
    let limit = (!limit.is_empty()).then(|| Spread::of(limit));
    let ratio = limit.as_ref().map(|limit| ours.median / limit.median);
    println!(
        "{:<14} {:>26} {:>8.1} {:>26} {:>6}  {}",
        call.name,
        ours.whole(),
        p99.median,
        limit.as_ref().map_or_else(|| "–".to_owned(), Spread::whole),
        ratio.map_or_else(|| "–".to_owned(), |ratio| format!("{ratio:.2}")),
        call.bar
    );
    let mut missed = Vec::new();
    let below = match call.bar {
        Bar::None => false,
        Bar::PerSecond(wanted) => ours.median < wanted,
        Bar::OfLimit(wanted) => ratio.is_some_and(|ratio| ratio < wanted),
    };
    if below {
        missed.push(format!("{} ({})", call.name, call.bar));
    }
    if p99.median > P99 {
        missed.push(format!("{} (p99 {:.1} ms)", call.name, p99.median));
    }
    Ok(missed)
}
