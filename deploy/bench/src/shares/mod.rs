//! What callers feel of a peer that holds all it can (SPEC §3 "Shares"; docs/shares.md): their p99 under each attack
//! beside the quiet one just before, in several rounds. The attacker is a process of its own on 127.0.0.2, the callers
//! stand on 127.0.0.1, each call on a connection of its own.

mod attacker;
mod kinds;

use std::net::{IpAddr, Ipv4Addr};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use reqwest::StatusCode;

use self::attacker::Attack;
pub use self::attacker::{Args as AttackArgs, run as attack};
use self::kinds::{Callers, Kind};
use crate::game::{Engine, Game};
use crate::replica::{GATEWAY_TOKEN, Replica};
use crate::spread::Spread;

/// The callers' p99 may be this many times the quiet one, at the median of the rounds.
const LIMIT: f64 = 2.0;
/// Fewer places than usual, so that an attacker that holds more than all of them costs little itself.
const IN_FLIGHT: &str = "64";

#[derive(Debug, clap::Args)]
pub struct Args {
    /// Seconds of each measurement
    #[arg(long, default_value_t = 3)]
    seconds: u64,
    /// Rounds of a quiet measurement and one under attack
    #[arg(long, default_value_t = 3)]
    rounds: usize,
    /// Calls under way at once
    #[arg(long, default_value_t = 4)]
    callers: usize,
    /// These attacks alone
    #[arg(long, value_enum)]
    only: Vec<Kind>,
}

/// Measures all attacks and prints a table.
///
/// # Errors
/// When the replica does not start, a caller is not served, or the p99 grows beyond the limit.
pub async fn run(args: &Args) -> Result<()> {
    // One address asks far more here than people do.
    let settings = [("BACKEND_HTTP_MAX_IN_FLIGHT", IN_FLIGHT), ("BACKEND_HTTP_PUBLIC_RATE", "1000000")];
    let replica = Replica::start_with(&settings).await?;
    let game =
        Game::start(&replica.db, &replica.url(""), Engine::Asleep).await.context("a game whose engine sleeps")?;
    let (seconds, rounds) = (args.seconds, args.rounds.max(1));
    println!("{} callers, {rounds} rounds of {seconds} s quiet and {seconds} s under attack; p99 in ms,", args.callers);
    println!("the median of the rounds with the least and the most; at most ×{LIMIT:.1} at the median\n");
    println!("{:<4} {:<44} {:>20} {:>20} {:>18} {:>6}", "row", "attack", "quiet", "attacked", "ratio", "calls");
    let mut over = Vec::new();
    for kind in Kind::ALL.iter().filter(|kind| args.only.is_empty() || args.only.contains(kind)) {
        let url = match kind.callers() {
            Callers::Rest => replica.url("/internal/sessions/0190a5a4-0000-7000-8000-000000000000"),
            Callers::Probes => format!("http://{}/readyz", replica.ops),
        };
        let (mut quiet, mut attacked, mut ratios, mut calls) = (vec![], vec![], vec![], 0);
        for _ in 0..rounds {
            let (before, _) = measure(args, &url, kind.callers()).await?;
            let attack = Attack::start(*kind, &replica, &game).await?;
            let (under, answered) = measure(args, &url, kind.callers()).await?;
            attack.end().await?;
            quiet.push(before.as_secs_f64() * 1e3);
            attacked.push(under.as_secs_f64() * 1e3);
            ratios.push(under.as_secs_f64() / before.as_secs_f64());
            calls += answered;
        }
        let [quiet, attacked, ratio] = [quiet, attacked, ratios].map(Spread::of);
        if ratio.median > LIMIT {
            over.push(kind.what());
        }
        println!("{:<4} {:<44} {quiet:>20} {attacked:>20} {ratio:>18} {calls:>6}", kind.row(), kind.what());
    }
    ensure!(over.is_empty(), "callers' p99 grew to more than {LIMIT:.1} times its quiet value: {}", over.join("; "));
    Ok(())
}

/// The p99 of callers, and how many calls it is of.
async fn measure(args: &Args, url: &str, callers: Callers) -> Result<(Duration, usize)> {
    let http = reqwest::Client::builder()
        .no_proxy()
        .local_address(IpAddr::V4(Ipv4Addr::LOCALHOST))
        .pool_max_idle_per_host(0)
        .build()?;
    let wanted = match callers {
        Callers::Rest => StatusCode::NOT_FOUND,
        Callers::Probes => StatusCode::OK,
    };
    let until = Instant::now() + Duration::from_secs(args.seconds);
    let caller = || async {
        let mut took = Vec::new();
        while Instant::now() < until {
            let started = Instant::now();
            let answer = http.get(url).bearer_auth(GATEWAY_TOKEN).send().await?;
            ensure!(answer.status() == wanted, "answered {}", answer.status());
            took.push(started.elapsed());
        }
        Ok::<_, anyhow::Error>(took)
    };
    let callers = (0..args.callers.max(1)).map(|_| caller());
    let mut took = futures::future::try_join_all(callers).await?.concat();
    took.sort_unstable();
    Ok((took.get(took.len() * 99 / 100).copied().unwrap_or_default(), took.len()))
}
