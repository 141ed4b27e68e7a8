//! The push hub (docs/push.md): how soon an event is told and how many a second, to one gateway and to a thousand; how soon a
//! gateway that was away has what it missed; and what api-server's memory is meanwhile. Beside it a process that streams the
//! same frames from memory, which no log can pass, and NATS JetStream, which keeps its messages in files that are flushed as
//! Postgres's are.
//!
//! Replicas, Postgres, the two others and all gateways share the machine, so the ratios count.

mod across;
mod clock;
mod follow;
pub mod gateways;
mod nats;
mod publish;
mod raw;

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use anyhow::{Context as _, Result, ensure};
use shared::service::listen::descriptors;

use self::clock::Clock;
use self::follow::Round;
use self::nats::{Deliver, JetStream};
pub use self::raw::{Args as RawArgs, serve as serve_raw};
use crate::peers;
use crate::served::{Beside, Served};
use crate::spread::{Spread, quantile};

/// At the pace, 99 of 100 events are with their gateway within this, in milliseconds.
const P99_MS: f64 = 15.0;
/// What a gateway missed is with it within this, in milliseconds.
const RESUME_MS: f64 = 500.0;
/// So many gateways are carried by api-servers whose memory together stays below so many MiB.
const MANY: usize = 1_000;
const MANY_MIB: f64 = 256.0;
/// As fast as JetStream, and faster.
const OF_JETSTREAM: f64 = 1.0;
/// Nobody reads the lines of these processes, and they are written all the same.
const LOG: &str = "/dev/null";

/// How many, and how long
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Events, one after another, whose way to two replicas is timed
    #[arg(long, default_value_t = 200, value_parser = clap::value_parser!(u16).range(1..60_000))]
    single: u16,
    /// Events of a round
    #[arg(long, default_value_t = 100_000)]
    events: usize,
    /// Frames of a round over all gateways, at most: with many gateways a round has fewer events
    #[arg(long, default_value_t = 2_000_000)]
    frames: usize,
    /// Gateways, one measurement for each number
    #[arg(long, value_delimiter = ',', default_values_t = [1, 10, 100, MANY])]
    gateways: Vec<usize>,
    /// Events a second of the measurement at a pace
    #[arg(long, default_value_t = 5_000)]
    pace: usize,
    /// Seconds of a round of it
    #[arg(long, default_value_t = 10)]
    seconds: usize,
    /// Rounds, three at least
    #[arg(long, default_value_t = 3)]
    rounds: usize,
    /// Leave JetStream out: nothing is installed
    #[arg(long)]
    without_peers: bool,
}

/// Replicas that carry so many gateways.
struct Hubs {
    // They end before the first, which has the database.
    others: Vec<Beside>,
    first: Served,
}

impl Hubs {
    async fn start(gateways: usize) -> Result<Self> {
        let log = Path::new(LOG);
        let (first, mut others) = (Served::start(log, &[]).await?, Vec::new());
        for _ in 1..gateways.div_ceil(gateways::OF_A_REPLICA) {
            others.push(first.another(log, &[]).await?);
        }
        Ok(Self { others, first })
    }

    fn addresses(&self) -> Vec<SocketAddr> {
        std::iter::once(self.first.grpc).chain(self.others.iter().map(|beside| beside.grpc)).collect()
    }

    /// The most that they have had, together, in MiB.
    fn memory(&self) -> f64 {
        let others: u64 = self.others.iter().map(|beside| beside.process.peak_memory()).sum();
        (self.first.process.peak_memory() + others) as f64 / f64::from(1 << 20)
    }
}

/// Rounds of one measurement.
#[derive(Default)]
struct Rounds {
    per_second: Vec<f64>,
    p50: Vec<f64>,
    p99: Vec<f64>,
}

impl Rounds {
    fn add(&mut self, round: &Round) {
        self.per_second.push(round.per_second);
        self.p50.push(quantile(&round.late, 0.5));
        self.p99.push(quantile(&round.late, 0.99));
    }
}

/// Measures all and prints tables.
///
/// # Errors
/// When a part does not start, an event does not come, or a bar is missed.
pub async fn run(args: &Args) -> Result<()> {
    let descriptors = descriptors::raise();
    ensure!(descriptors > 4_096, "{descriptors} descriptors are too few: ulimit -n");
    // Before anything is measured: the first time it takes a minute.
    let nats = if args.without_peers { None } else { Some(peers::python().await?.join("nats-server")) };
    across::run(args.single).await?;
    let mut missed = Vec::new();
    println!("\nPostgres flushes each commit (fsync and synchronous_commit are on), JetStream each message");
    let (batch, calls, bytes) = (publish::BATCH, publish::CALLS, publish::wire_bytes());
    println!("calls of {batch} events, {calls} of them under way; events of {bytes} bytes");
    println!("events a second: the median of {} rounds with the least and the most\n", args.rounds.max(3));
    println!(
        "{:>8} {:>8} {:>24} {:>17} {:>26} {:>6} {:>24} {:>6} {:>6}",
        "gateways", "events", "ours/s", "p50/p99 ms", "from memory/s", "ratio", "JetStream/s", "ratio", "MiB"
    );
    for gateways in &args.gateways {
        rate(args, (*gateways).max(1), nats.as_deref(), &mut missed).await?;
    }
    println!();
    pace(args, nats.as_deref(), &mut missed).await?;
    resume(args, nats.as_deref(), &mut missed).await?;
    ensure!(missed.is_empty(), "missed: {}", missed.join("; "));
    Ok(())
}

/// Publishes as fast as calls are answered.
async fn rate(args: &Args, count: usize, nats: Option<&Path>, missed: &mut Vec<String>) -> Result<()> {
    let (rounds, events) = (args.rounds.max(3), args.events.min(args.frames / count).max(publish::BATCH));
    let (mut ours, mut raw) = (Rounds::default(), Rounds::default());
    let hubs = Hubs::start(count).await?;
    let addresses = hubs.addresses();
    let mut following = gateways::subscribe(&addresses, count, "").await?;
    for _ in 0..rounds {
        let clock = Arc::new(Clock::new(events));
        let publishing = publish::all(&addresses, events, &clock);
        ours.add(&follow::round(&mut following, events, &clock, publishing).await?);
    }
    let memory = hubs.memory();
    drop(following);
    drop(hubs);
    for _ in 0..rounds {
        let (_process, address) = raw::start(count, events)?;
        let mut following = gateways::subscribe(&[address], count, "").await?;
        raw.add(&follow::round(&mut following, events, &Arc::new(Clock::new(0)), begun()).await?);
    }
    let mut theirs = None;
    if let Some(program) = nats {
        let (server, mut rounds_of_theirs) = (JetStream::start(program).await?, Rounds::default());
        let mut following = server.subscribe(count, Deliver::New).await?;
        for _ in 0..rounds {
            let clock = Arc::new(Clock::new(events));
            let publishing = server.publish(events, None, &clock);
            rounds_of_theirs.add(&follow::round(&mut following, events, &clock, publishing).await?);
        }
        theirs = Some(Spread::of(rounds_of_theirs.per_second));
    }
    let (p50, p99) = (Spread::of(ours.p50).median, Spread::of(ours.p99).median);
    let (ours, raw) = (Spread::of(ours.per_second), Spread::of(raw.per_second));
    let ratio = theirs.as_ref().map(|theirs| ours.median / theirs.median);
    println!(
        "{count:>8} {events:>8} {:>24} {:>17} {:>26} {:>6.2} {:>24} {:>6} {memory:>6.0}",
        ours.whole(),
        format!("{p50:.1}/{p99:.1}"),
        raw.whole(),
        ours.median / raw.median,
        theirs.as_ref().map_or_else(|| "–".to_owned(), Spread::whole),
        ratio.map_or_else(|| "–".to_owned(), |ratio| format!("{ratio:.2}")),
    );
    if ratio.is_some_and(|ratio| ratio <= OF_JETSTREAM) {
        missed.push(format!("{count} gateways: not ahead of JetStream"));
    }
    if count >= MANY && memory >= MANY_MIB {
        missed.push(format!("{count} gateways: {memory:.0} MiB, less than {MANY_MIB:.0} wanted"));
    }
    Ok(())
}

/// What is streamed from memory begins by itself.
async fn begun() -> Result<()> {
    Ok(())
}

/// One gateway, and so many events a second.
async fn pace(args: &Args, nats: Option<&Path>, missed: &mut Vec<String>) -> Result<()> {
    let events = (args.pace * args.seconds).max(1);
    let (mut ours, mut theirs) = (Rounds::default(), Rounds::default());
    let hubs = Hubs::start(1).await?;
    let mut following = gateways::subscribe(&hubs.addresses(), 1, "").await?;
    // The first warms up.
    for round in 0..=args.rounds.max(3) {
        let clock = Arc::new(Clock::new(events));
        let publishing = publish::paced(hubs.first.grpc, events, args.pace, &clock);
        let seen = follow::round(&mut following, events, &clock, publishing).await?;
        if round > 0 {
            ours.add(&seen);
        }
    }
    drop(following);
    drop(hubs);
    let p99 = late(args.pace, "ours", ours, &format!("p99 ≤ {P99_MS}"));
    if p99 > P99_MS {
        missed.push(format!("{} events a second: p99 {p99:.1} ms, {P99_MS} allowed", args.pace));
    }
    let Some(program) = nats else { return Ok(()) };
    let server = JetStream::start(program).await?;
    let mut following = server.subscribe(1, Deliver::New).await?;
    for round in 0..=args.rounds.max(3) {
        let clock = Arc::new(Clock::new(events));
        let publishing = server.publish(events, Some(args.pace), &clock);
        let seen = follow::round(&mut following, events, &clock, publishing).await?;
        if round > 0 {
            theirs.add(&seen);
        }
    }
    late(args.pace, "JetStream", theirs, "");
    Ok(())
}

fn late(per_second: usize, whose: &str, rounds: Rounds, bar: &str) -> f64 {
    let (p50, p99) = (Spread::of(rounds.p50), Spread::of(rounds.p99));
    println!("{per_second} events a second, {whose}: late by p50 {p50} ms, p99 {p99} ms  {bar}");
    p99.median
}

/// A gateway that comes back, and has missed all events of a round.
async fn resume(args: &Args, nats: Option<&Path>, missed: &mut Vec<String>) -> Result<()> {
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    let (events, clock) = (args.events.max(1), Arc::new(Clock::new(0)));
    let hubs = Hubs::start(1).await?;
    let addresses = hubs.addresses();
    let before = gateways::subscribe(&addresses, 1, "").await?.pop().context("a gateway")?.cursor;
    publish::all(&addresses, events, &clock).await?;
    for _ in 0..args.rounds.max(3) {
        let began = Instant::now();
        let mut following = gateways::subscribe(&addresses, 1, &before).await?;
        follow::round(&mut following, events, &clock, begun()).await?;
        ours.push(began.elapsed().as_secs_f64() * 1000.0);
    }
    drop(hubs);
    let ours = Spread::of(ours);
    println!("{events} missed events, ours: all there after {} ms  ≤ {RESUME_MS}", ours.whole());
    if ours.median > RESUME_MS {
        missed.push(format!("resume: {:.0} ms, {RESUME_MS} allowed", ours.median));
    }
    let Some(program) = nats else { return Ok(()) };
    let server = JetStream::start(program).await?;
    server.publish(events, None, &clock).await?;
    for _ in 0..args.rounds.max(3) {
        let began = Instant::now();
        let mut following = server.subscribe(1, Deliver::All).await?;
        follow::round(&mut following, events, &clock, begun()).await?;
        theirs.push(began.elapsed().as_secs_f64() * 1000.0);
    }
    println!("{events} missed events, JetStream: all there after {} ms", Spread::of(theirs).whole());
    Ok(())
}
