//! What callers feel of a peer that holds all it can (SPEC §3 "Shares"; docs/shares.md): their p99 under each attack
//! beside the quiet one just before. The attacker stands on 127.0.0.2, the callers on 127.0.0.1, each call on a
//! connection of its own.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use reqwest::StatusCode;
use testkit::hostile::{self, PREFACE, get, grpc_call, opening, reset, slow_post};
use tokio::net::TcpStream;

use crate::replica::{GATEWAY_TOKEN, Replica};

/// The callers' p99 may be this many times the quiet one.
const LIMIT: f64 = 2.0;
/// Connections that the attacker tries to hold: more than a replica with [`IN_FLIGHT`] takes from all.
const HELD: usize = 400;
const IN_FLIGHT: &str = "64";

#[derive(Debug, clap::Args)]
pub struct Args {
    /// Seconds of each measurement
    #[arg(long, default_value_t = 3)]
    seconds: u64,
    /// Calls under way at once
    #[arg(long, default_value_t = 4)]
    callers: usize,
}

/// Measures all attacks and prints a table.
///
/// # Errors
/// When the replica does not start, or a caller is not served.
pub async fn run(args: &Args) -> Result<()> {
    let replica = Replica::start_with(&[("BACKEND_HTTP_MAX_IN_FLIGHT", IN_FLIGHT)]).await?;
    println!("{} callers, {} s each, {HELD} connections held; at most ×{LIMIT:.1}\n", args.callers, args.seconds);
    println!("{:<44} {:>10} {:>10} {:>8} {:>8}", "attack", "quiet p99", "p99", "ratio", "calls");
    let streams = |of: &dyn Fn(u32) -> Vec<u8>| (0..32).flat_map(|n| of(2 * n + 1)).collect::<Vec<u8>>();
    let email = "/api/v1/public/auth/send-email-code";
    let body =
        format!("POST {email} HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 99\r\n\r\n{{");
    let grpc = |stream| grpc_call(stream, "/grpc.health.v1.Health/Watch", true);
    let rest = replica.rest;
    let attacks: Vec<(&str, SocketAddr, Vec<u8>)> = vec![
        ("connections that say nothing", rest, Vec::new()),
        ("half a preface", rest, PREFACE.get(..16).unwrap_or_default().to_vec()),
        ("half a head", rest, b"GET /healthz HTTP/1.1\r\n".to_vec()),
        ("HTTP/1 at rest", rest, b"GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n".to_vec()),
        ("slow bodies over HTTP/1", rest, body.into_bytes()),
        ("HTTP/2 without a stream", rest, opening(65_535)),
        ("HTTP/2, 32 unread answers each", rest, [opening(0), streams(&|n| get(n, "/docs"))].concat()),
        ("HTTP/2, 32 slow bodies each", rest, [opening(0), streams(&|n| slow_post(n, email))].concat()),
        ("HTTP/2, rapid resets", rest, [opening(65_535), streams(&|n| reset(n, "/docs"))].concat()),
        ("gRPC, 32 streams each", replica.grpc, [opening(0), streams(&grpc)].concat()),
    ];
    let mut worst: f64 = 0.0;
    for (what, to, words) in attacks {
        let (quiet, _) = measure(args, rest).await?;
        let attack = Attack::start(to, words.into());
        // Held before it is measured, and held anew while it is.
        tokio::time::sleep(Duration::from_secs(1)).await;
        let (under, calls) = measure(args, rest).await?;
        attack.end().await;
        let ratio = under.as_secs_f64() / quiet.as_secs_f64();
        worst = worst.max(ratio);
        println!("{what:<44} {:>7.2} ms {:>7.2} ms {ratio:>7.2}× {calls:>8}", millis(quiet), millis(under));
    }
    println!("\nworst ×{worst:.2}, limit ×{LIMIT:.1}");
    ensure!(worst <= LIMIT, "a caller's p99 grew to {worst:.2} times its quiet value");
    Ok(())
}

fn millis(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}

/// A peer that holds connections, and takes another for each that is ended.
struct Attack {
    stop: Arc<AtomicBool>,
    task: tokio::task::JoinHandle<()>,
}

impl Attack {
    fn start(to: SocketAddr, words: Arc<[u8]>) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let over = stop.clone();
        let task = tokio::spawn(async move {
            let mut held: Vec<TcpStream> = hostile::hold(to, HELD, &words).await;
            while !over.load(Ordering::Relaxed) {
                held.retain(|peer| !matches!(peer.try_read(&mut [0; 4096]), Ok(0)));
                held.extend(hostile::hold(to, (HELD - held.len()).min(5), &words).await);
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        });
        Self { stop, task }
    }

    async fn end(self) {
        self.stop.store(true, Ordering::Relaxed);
        let _ = self.task.await;
        // What it held is gone before the next quiet measurement.
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
}

/// The p99 of callers, and how many calls it is of.
async fn measure(args: &Args, rest: SocketAddr) -> Result<(Duration, usize)> {
    let http = reqwest::Client::builder()
        .no_proxy()
        .local_address(IpAddr::V4(Ipv4Addr::LOCALHOST))
        .pool_max_idle_per_host(0)
        .build()?;
    let url = format!("http://{rest}/api/v1/internal/sessions/0190a5a4-0000-7000-8000-000000000000");
    let until = Instant::now() + Duration::from_secs(args.seconds);
    let caller = || async {
        let mut took = Vec::new();
        while Instant::now() < until {
            let started = Instant::now();
            let answer = http.get(&url).bearer_auth(GATEWAY_TOKEN).send().await?;
            ensure!(answer.status() == StatusCode::NOT_FOUND, "answered {}", answer.status());
            took.push(started.elapsed());
        }
        Ok::<_, anyhow::Error>(took)
    };
    let mut callers = Vec::new();
    for _ in 0..args.callers.max(1) {
        callers.push(caller());
    }
    let mut took = futures::future::try_join_all(callers).await?.concat();
    took.sort_unstable();
    Ok((took.get(took.len() * 99 / 100).copied().unwrap_or_default(), took.len()))
}
