//! Requests a second and their p99: the gateway's and the players' hot calls through a real `api-server` at log level `info`,
//! each beside what bounds it in the same run: the same statement by pgbench on the same Postgres, and the barest route.
//!
//! Server, Postgres and callers share the machine, so the ratios count.

mod caller;
mod calls;
mod pgbench;

use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};
use testkit::process::{Proc, ProcConfig, free_addr};
use testkit::{PostgresConfig, PostgresServer, TestDb};

use self::caller::Rate;
use self::calls::{Bar, Call};
use crate::game::{Engine, Game};
use crate::replica::{ADMIN, GATEWAY_TOKEN, WORKER_TOKEN};
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
    // Its own server, which flushes each commit.
    let durable = PostgresConfig { durable: true, ..PostgresConfig::default() };
    let server = tokio::task::spawn_blocking(|| PostgresServer::start(durable)).await??;
    let db = TestDb::try_on(&server.base_dsn()).await?;
    calls::seed(&db, args.accounts).await?;
    let root = tempfile::tempdir()?;
    let (address, ops) = (free_addr(), free_addr());
    let _server = Proc::start(
        ProcConfig::bin("api-server")
            .env("BACKEND_POSTGRES_DSN", db.dsn())
            .env("BACKEND_GATEWAY_TOKEN", GATEWAY_TOKEN)
            .env("BACKEND_WORKER_TOKEN", WORKER_TOKEN)
            .env("BACKEND_AUTH_CODE_PEPPER", "pepper-of-the-bench-which-is-long-enough")
            .env("BACKEND_ADMIN_BOOTSTRAP_USER", ADMIN.0)
            .env("BACKEND_ADMIN_BOOTSTRAP_PASSWORD", ADMIN.1)
            .env("BACKEND_OTEL_TRACES_EXPORTER", "none")
            .env("BACKEND_OTEL_METRICS_EXPORTER", "prometheus")
            .env("BACKEND_HTTP_LISTEN_ADDR", address)
            .env("BACKEND_GRPC_LISTEN_ADDR", free_addr())
            .env("BACKEND_OPS_LISTEN_ADDR", ops)
            .env("BACKEND_LOGGING_LEVEL", "info")
            // One address asks far more here than people do.
            .env("BACKEND_HTTP_PUBLIC_RATE", "1000000")
            .straight_to(root.path().join("api-server.log")),
    )?;
    ready(&format!("http://{ops}/readyz")).await?;
    let game = Game::start(&db, &format!("http://{address}/api/v1"), Engine::Quick).await?;
    let ids = calls::Ids::read(&db, args.accounts).await?;
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
            missed.extend(line(args, &db, address, &call).await?);
        }
    }
    ensure!(missed.is_empty(), "missed: {}", missed.join("; "));
    Ok(())
}

/// Measures one call and its limit in turn, and answers what is below its bar.
async fn line(args: &Args, db: &TestDb, address: std::net::SocketAddr, call: &Call) -> Result<Vec<String>> {
    let seconds = Duration::from_secs(args.seconds);
    let (mut ours, mut p99, mut limit) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..args.rounds.max(1) {
        let Rate { per_second, p99_ms } = caller::measure(address, args.connections, seconds, call).await?;
        ours.push(per_second);
        p99.push(p99_ms);
        if let Some(statements) = &call.statements {
            limit.push(pgbench::measure(db, statements, args.connections, args.accounts, seconds).await?);
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

async fn ready(url: &str) -> Result<()> {
    let http = reqwest::Client::builder().no_proxy().build()?;
    let began = std::time::Instant::now();
    while !http.get(url).send().await.is_ok_and(|answer| answer.status().is_success()) {
        if began.elapsed() > Duration::from_secs(30) {
            bail!("api-server is not ready");
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    http.get(url).send().await.context("readiness").map(drop)
}
