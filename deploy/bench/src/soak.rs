//! Many connections for long. `api-server` holds them all, each with a request now and then, at half of what it can do: none is
//! ended, no call fails, every call is begun when it is due, and the memory of the process stays as it is.
//!
//! What it can do is measured just before, by few callers who ask as fast as answers come. Server, Postgres and callers share
//! the machine.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use shared::service::listen::descriptors;
use tokio::task::JoinSet;
use tokio::time::{Instant, MissedTickBehavior, interval_at};

use crate::game::{Engine, Game};
use crate::http::caller::{connect, exchange, measure};
use crate::http::calls::{self, Call, Ids};
use crate::served::Served;
use crate::spread::{grown, mebibytes};

/// The call: a player's own account, which is looked up by the gateway's token and the session.
const CALL: &str = "account";
/// Callers who find out what the server can do, and for how long.
const PROBES: usize = 16;
const PROBING: Duration = Duration::from_secs(10);
/// How often the memory is looked at.
const SAMPLE: Duration = Duration::from_secs(1);
/// The memory of the last fifth may be this many times that of the second one. The first is for pools and plans to grow.
const FLAT: f64 = 1.05;
/// So much of the wanted rate must have come about, or it was not half of anything.
const KEPT: f64 = 0.98;

/// How many, and how long
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Connections that stay open, all of one network
    #[arg(long, default_value_t = 1_000, value_parser = clap::value_parser!(u32).range(1..))]
    connections: u32,
    /// Minutes
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..))]
    minutes: u64,
    /// Requests a second over all connections; half of what is measured, if absent
    #[arg(long)]
    rate: Option<f64>,
    /// Accounts, with an identity and a session each, in the database
    #[arg(long, default_value_t = 100_000)]
    accounts: u32,
}

/// Measures, holds, and prints what was seen.
///
/// # Errors
/// When a part does not start, a connection is ended, a call fails or is not made, or the memory grows.
pub async fn run(args: &Args) -> Result<()> {
    let open = usize::try_from(args.connections)?;
    let limit = descriptors::raise();
    ensure!(limit > u64::from(args.connections) + 128, "{limit} descriptors are too few: ulimit -n");
    // REST takes as many connections as this and 256, and half of them from one network (docs/shares.md).
    let places = open.saturating_mul(2).max(512).to_string();
    // Some 300 bytes a call for minutes are of no use to anybody here.
    let served = Served::start(Path::new("/dev/null"), &[("BACKEND_HTTP_MAX_IN_FLIGHT", places.as_str())]).await?;
    calls::seed(&served.db, args.accounts).await?;
    let game = Game::start(&served.db, &served.api(), Engine::Quick).await?;
    let ids = Ids::read(&served.db, args.accounts).await?;
    let call = calls::all(&ids, &game).into_iter().find(|call| call.name == CALL).context("the call is there")?;
    let most = measure(served.address, PROBES, PROBING, &call).await?;
    let rate = args.rate.unwrap_or(most.per_second / 2.0);
    println!("{CALL}: {:.0}/s over {PROBES} connections, p99 {:.1} ms", most.per_second, most.p99_ms);
    println!("{open} connections at {rate:.0}/s for {} min\n", args.minutes);

    let time = Duration::from_secs(args.minutes.saturating_mul(60));
    let used = served.process.cpu_seconds();
    let Held { mut took, memory } = hold(&served, &call, open, rate, time).await?;
    let used = (served.process.cpu_seconds() - used) / time.as_secs_f64();

    took.sort_unstable();
    let at = |share: usize| took.get(took.len() * share / 1_000).copied().unwrap_or_default().as_secs_f64() * 1e3;
    let [p50, p99, p999] = [500, 990, 999].map(at);
    let answers = u32::try_from(took.len()).map(f64::from)?;
    let kept = answers / (rate * time.as_secs_f64());
    let (before, after) = grown(&memory);
    println!("\n{answers:.0} answers, none failed; {:.1} % of what was due", kept * 100.0);
    println!("from when a call was due to its answer: p50 {p50:.1} ms, p99 {p99:.1} ms, p99.9 {p999:.1} ms");
    println!("memory: {before:.1} MiB in the second fifth, {after:.1} MiB in the last: ×{:.3}", after / before);
    println!("processor: {used:.2} cores");
    ensure!(kept >= KEPT, "only {:.1} % of the calls were made", kept * 100.0);
    ensure!(after <= before * FLAT, "the memory grew to ×{:.3}, ×{FLAT} are allowed", after / before);
    Ok(())
}

/// What was seen while the connections were held.
struct Held {
    /// From when each call was due to its answer.
    took: Vec<Duration>,
    /// Memory of the process without pages of files, in MiB.
    memory: Vec<f64>,
}

/// Holds the connections for so long, with so many calls a second over all of them.
async fn hold(served: &Served, call: &Call, open: usize, rate: f64, time: Duration) -> Result<Held> {
    let connections = u32::try_from(open).map(f64::from)?;
    let pace = Duration::try_from_secs_f64(connections / rate).context("a rate above 0")?;
    let next = Arc::new(AtomicU32::new(0));
    let began = Instant::now();
    let mut callers = JoinSet::new();
    for n in 0..open {
        let first = began + pace.mul_f64(u32::try_from(n).map(f64::from)? / connections);
        let caller = Caller { address: served.address, first, pace, until: began + time, next: next.clone() };
        callers.spawn(caller.run(call.request.clone(), call.status));
    }
    let (mut took, mut memory) = (Vec::new(), Vec::new());
    let mut sample = interval_at(began + SAMPLE, SAMPLE);
    let mut minute = 0;
    loop {
        tokio::select! {
            ended = callers.join_next() => match ended {
                Some(caller) => took.extend(caller?.with_context(|| format!("after {:.0?}", began.elapsed()))?),
                None => return Ok(Held { took, memory }),
            },
            _ = sample.tick(), if began.elapsed() <= time => {
                memory.push(mebibytes(served.process.anonymous_bytes()));
                if began.elapsed().as_secs() / 60 > minute {
                    minute = began.elapsed().as_secs() / 60;
                    println!("minute {minute}: {:.1} MiB", memory.last().copied().unwrap_or_default());
                }
            }
        }
    }
}

/// One connection that stays.
struct Caller {
    address: SocketAddr,
    /// When its first call is due.
    first: Instant,
    /// From one call to the next, whenever the one before was answered.
    pace: Duration,
    until: Instant,
    /// The number of the next call, of all callers.
    next: Arc<AtomicU32>,
}

impl Caller {
    /// Calls when a call is due, over one connection, until the time is over. A call that waits for the one before counts from
    /// when it was due: nothing is hidden by callers who are slow together with the server.
    async fn run(self, request: Arc<dyn Fn(u32) -> Vec<u8> + Send + Sync>, wanted: u16) -> Result<Vec<Duration>> {
        let mut stream = connect(self.address).await.context("a connection")?;
        let (mut took, mut body) = (Vec::new(), Vec::new());
        let mut due = interval_at(self.first, self.pace);
        due.set_missed_tick_behavior(MissedTickBehavior::Burst);
        loop {
            let since = due.tick().await;
            if since >= self.until {
                return Ok(took);
            }
            let bytes = request(self.next.fetch_add(1, Ordering::Relaxed));
            let (status, closes) = exchange(&mut stream, &bytes, &mut body).await?;
            took.push(since.elapsed());
            ensure!(status == wanted, "answered {status}: {}", String::from_utf8_lossy(&body));
            ensure!(!closes, "the server ends a connection that is in use");
        }
    }
}
