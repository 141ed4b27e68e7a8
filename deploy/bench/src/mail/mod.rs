//! Mails a second through the real mail-worker, beside lettre in a loop over as many connections: to a relay that answers at
//! once, and to one that takes its time. And how long a login code takes while reminders drain.
//!
//! Worker, relay, lettre and Postgres share the machine, so the ratios count. The outbox is filled before the clock starts, and
//! the clock stops when the relay has taken the last mail. After an outage the clock starts with the first mail that comes.

pub mod sink;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, anyhow, ensure};
use futures::future::try_join_all;
use lettre::address::{Address, Envelope};
use lettre::transport::smtp::client::AsyncSmtpConnection;
use lettre::transport::smtp::extension::ClientId;
use mail_worker::Config;
use shared::config::{self, Source};
use shared::db::mail::{NewMail, enqueue};
use shared::ids::GameId;
use shared::mail::{GameStarted, Priority, Style, Template, View};
use shared::queue::{Topic, Waker};
use shared::service::health::Health;
use shared::service::lifecycle::Lifecycle;
use testkit::{PostgresConfig, PostgresServer, TestDb};
use tokio::net::{TcpListener, TcpStream};

use self::sink::{CODE, Sink};
use crate::spread::Spread;
use crate::worker;

/// How many, and over how many connections
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Mails of a round to the relay that answers at once, and reminders beside the codes
    #[arg(long, default_value_t = 10_000)]
    mails: usize,
    /// Mails of a round to the slow relay
    #[arg(long, default_value_t = 1_000)]
    slow_mails: usize,
    /// Milliseconds before each answer of the slow relay
    #[arg(long, default_value_t = 20)]
    pause: u64,
    /// Connections of the worker
    #[arg(long, default_value_t = 8)]
    connections: usize,
    /// Rounds
    #[arg(long, default_value_t = 3)]
    rounds: usize,
}

/// Mails a second to the relay that answers at once, at least.
const PER_SECOND: f64 = 2_500.0;
/// The share of bare lettre there, at least; and at the slow relay.
const SHARES: [f64; 2] = [0.5, 0.9];
/// After an outage the part of what it is without, at least.
const AFTER_OUTAGE: f64 = 0.9;
/// Looks of the worker for a relay that is away, before it is there.
const LOOKS: usize = 3;
/// Within this the relay has 99 of 100 codes, in milliseconds.
const CODE_MS: f64 = 1000.0;
/// Longer than anything here takes.
const PATIENCE: Duration = Duration::from_secs(600);
/// Between two codes.
const CODE_PAUSE: Duration = Duration::from_millis(50);

/// Measures all and prints a table.
///
/// # Errors
/// When a part does not start, a mail does not come or comes twice, or a bar is missed.
pub async fn run(args: &Args) -> Result<()> {
    // Its own server, which flushes each commit.
    let durable = PostgresConfig { durable: true, ..PostgresConfig::default() };
    let server = tokio::task::spawn_blocking(|| PostgresServer::start(durable)).await??;
    // One of the worker's connections is for codes alone.
    let beside = args.connections.saturating_sub(1).max(1);
    println!("{} connections, one of them for codes alone; lettre over the other {beside}", args.connections);
    println!("Postgres flushes each commit (fsync and synchronous_commit are on)");
    println!("mails a second: the median of {} rounds with the least and the most\n", args.rounds.max(1));
    println!("{:<34} {:>22} {:>22} {:>6}", "relay", "ours/s", "lettre/s", "ratio");
    let mut missed = Vec::new();
    let relays = [(Duration::ZERO, args.mails), (Duration::from_millis(args.pause), args.slow_mails)];
    for ((pause, mails), share) in relays.into_iter().zip(SHARES) {
        let (mut ours, mut bare) = (Vec::new(), Vec::new());
        for _ in 0..args.rounds.max(1) {
            let sink = Sink::start(pause).await?;
            ours.push(drain(&server, &sink, mails, args.connections).await?);
            let message = sink.first()?;
            let sink = Sink::start(pause).await?;
            bare.push(lettre_sends(sink.addr, beside, mails, &message).await?);
        }
        let (ours, bare) = (Spread::of(ours), Spread::of(bare));
        let (ratio, relay) = (ours.median / bare.median, format!("{} ms before each answer", pause.as_millis()));
        println!("{relay:<34} {:>22} {:>22} {ratio:>6.2}", ours.whole(), bare.whole());
        if ratio < share {
            missed.push(format!("{relay}: {ratio:.2} of lettre, {share} wanted"));
        }
        if pause.is_zero() && ours.median < PER_SECOND {
            missed.push(format!("{relay}: {:.0}/s, {PER_SECOND:.0} wanted", ours.median));
        }
        if pause.is_zero() {
            after_outages(&server, args, &ours, &mut missed).await?;
        }
    }
    for pause in [Duration::ZERO, Duration::from_millis(args.pause)] {
        let reminders = if pause.is_zero() { args.mails } else { args.slow_mails };
        let late = codes(&server, pause, reminders, args.connections).await?;
        let at = |share: f64| late.get(((late.len().saturating_sub(1)) as f64 * share) as usize).copied();
        let (p50, p99) = (at(0.5).unwrap_or(f64::NAN), at(0.99).unwrap_or(f64::NAN));
        println!(
            "{} codes beside {reminders} reminders, {} ms before each answer: accepted after p50 {p50:.0} ms, p99 {p99:.0} ms, \
             at most {:.0} ms",
            late.len(),
            pause.as_millis(),
            at(1.0).unwrap_or(f64::NAN)
        );
        if p99 > CODE_MS {
            missed.push(format!("codes: p99 {p99:.0} ms, {CODE_MS:.0} allowed"));
        }
    }
    ensure!(missed.is_empty(), "missed: {}", missed.join("; "));
    Ok(())
}

/// Mails a second from a full outbox.
async fn drain(server: &PostgresServer, sink: &Sink, mails: usize, connections: usize) -> Result<f64> {
    let db = TestDb::try_on(&server.base_dsn()).await?;
    seed(&db, mails).await?;
    let began = Instant::now();
    let (lifecycle, _waker) = work(&db, sink.addr, connections)?;
    sink.has(mails, PATIENCE).await?;
    let took = began.elapsed();
    settle(&db, &lifecycle).await?;
    ensure!(sink.mails() == mails, "{} mails came of {mails}", sink.mails());
    Ok(mails as f64 / took.as_secs_f64())
}

/// The same where the relay was away while the outbox was filled, beside the rate without an outage.
async fn after_outages(server: &PostgresServer, args: &Args, ours: &Spread, missed: &mut Vec<String>) -> Result<()> {
    let (mut rates, mut pauses) = (Vec::new(), Vec::new());
    for _ in 0..args.rounds.max(1) {
        let (rate, pause) = after_outage(server, args.mails.max(2), args.connections).await?;
        rates.push(rate);
        pauses.push(pause);
    }
    let (rates, pauses) = (Spread::of(rates), Spread::of(pauses));
    let ratio = rates.median / ours.median;
    println!("{:<34} {:>22} {:>22} {ratio:>6.2}", "after an outage; without one", rates.whole(), ours.whole());
    println!("the first mail comes {pauses} s after the relay is back");
    if ratio < AFTER_OUTAGE {
        missed.push(format!("after an outage: {ratio:.2} of the rate without one, {AFTER_OUTAGE} wanted"));
    }
    Ok(())
}

/// Mails a second from the first that a relay gets when it is back, and how many seconds that one was in coming.
async fn after_outage(server: &PostgresServer, mails: usize, connections: usize) -> Result<(f64, f64)> {
    let db = TestDb::try_on(&server.base_dsn()).await?;
    seed(&db, mails).await?;
    // Whoever has the port hangs up.
    let nobody = TcpListener::bind("127.0.0.1:0").await?;
    let relay = nobody.local_addr()?;
    let (lifecycle, _waker) = work(&db, relay, connections)?;
    // The mails that find out come first, over each connection at most one.
    for _ in 0..connections + LOOKS {
        tokio::time::timeout(PATIENCE, nobody.accept()).await.context("nobody looks for the relay")??;
    }
    drop(nobody);
    let (sink, back) = (Sink::start_at(relay, Duration::ZERO).await?, Instant::now());
    sink.has(1, PATIENCE).await?;
    let (pause, began) = (back.elapsed(), Instant::now());
    sink.has(mails, PATIENCE).await?;
    let took = began.elapsed();
    settle(&db, &lifecycle).await?;
    ensure!(sink.mails() == mails, "{} mails came of {mails}", sink.mails());
    let burned = "SELECT count(*) FROM mail_deliveries WHERE failures > 0";
    let burned: i64 = sqlx::query_scalar(burned).fetch_one(&db.pool()).await?;
    ensure!(burned == 0, "the outage cost {burned} mails an attempt");
    Ok(((mails - 1) as f64 / took.as_secs_f64(), pause.as_secs_f64()))
}

/// Milliseconds from the commit of each code to the relay's yes, while reminders drain, in order.
async fn codes(server: &PostgresServer, pause: Duration, reminders: usize, connections: usize) -> Result<Vec<f64>> {
    let (db, sink) = (TestDb::try_on(&server.base_dsn()).await?, Sink::start(pause).await?);
    seed(&db, reminders).await?;
    let (lifecycle, waker) = work(&db, sink.addr, connections)?;
    // Under way: what follows is not the worker's start.
    sink.has(1, PATIENCE).await?;
    let mut committed = Vec::new();
    while sink.mails() < reminders {
        code(&db, committed.len()).await?;
        committed.push(Instant::now());
        waker.wake(Topic::Mail);
        tokio::time::sleep(CODE_PAUSE).await;
        ensure!(committed.len() < 100_000, "the reminders do not drain");
    }
    sink.has(reminders + committed.len(), PATIENCE).await?;
    settle(&db, &lifecycle).await?;
    let accepted = sink.codes();
    let late = committed.iter().enumerate().map(|(number, since)| {
        let at = accepted.get(&number).context("a code did not come")?;
        anyhow::Ok(at.saturating_duration_since(*since).as_secs_f64() * 1000.0)
    });
    let mut late = late.collect::<Result<Vec<f64>>>()?;
    late.sort_by(f64::total_cmp);
    Ok(late)
}

fn template() -> Template {
    Template::GameStarted(GameStarted { game_id: GameId::new(), game_name: "Rim".into(), orders_until: None })
}

async fn code(db: &TestDb, number: usize) -> Result<()> {
    let (key, to) = (format!("code-{number}"), [format!("{CODE}{number}@example.org")]);
    let mut tx = db.pool().begin().await?;
    let mail = NewMail {
        template: &template(),
        style: &Style::default(),
        time_zone: None,
        idempotency_key: &key,
        to: &to,
        priority: Priority::Urgent,
        expires_at: None,
        request_id: None,
        traceparent: None,
    };
    enqueue(&mut tx, mail).await?;
    Ok(tx.commit().await?)
}

/// So many mails, due now.
async fn seed(db: &TestDb, mails: usize) -> Result<()> {
    let (template, style) = (template(), Style::default());
    let rendered = template.render(&View::new(&style, None)).map_err(|error| anyhow!("{error}"))?;
    sqlx::query(
        "WITH made AS (
           INSERT INTO mail_deliveries (delivery_id, template_id, idempotency_key, priority)
           SELECT gen_random_uuid(), $1, 'bench-' || n, $2 FROM generate_series(1, $3) AS n
           RETURNING delivery_id),
         recipients AS (
           INSERT INTO mail_recipients (delivery_id, address) SELECT delivery_id, 'ann@example.org' FROM made)
         INSERT INTO mail_payloads (delivery_id, subject, body_text, body_html, sensitive)
         SELECT delivery_id, $4, $5, $6, false FROM made",
    )
    .bind(template.id())
    .bind(Priority::Normal.as_i16())
    .bind(i32::try_from(mails)?)
    .bind(rendered.subject)
    .bind(rendered.text)
    .bind(rendered.html)
    .execute(&db.pool())
    .await?;
    sqlx::query("ANALYZE").execute(&db.pool()).await?;
    Ok(())
}

/// The worker, in this process.
fn work(db: &TestDb, relay: SocketAddr, connections: usize) -> Result<(Lifecycle, Waker)> {
    let vars = [
        ("BACKEND_SMTP_HOST", "127.0.0.1".to_owned()),
        ("BACKEND_SMTP_PORT", relay.port().to_string()),
        ("BACKEND_SMTP_FROM", "Galaxy <noreply@galaxy.test>".to_owned()),
        ("BACKEND_SMTP_TLS_MODE", "none".to_owned()),
        ("BACKEND_MAIL_CONCURRENCY", connections.to_string()),
    ];
    let env: BTreeMap<String, String> = vars.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
    let loaded = config::load::<Config>("mail-worker", Source::new(BTreeMap::new(), env));
    let config = loaded.map_err(|faults| anyhow!("{faults:?}"))?.config;
    let lifecycle = Lifecycle::new(Duration::from_secs(10));
    let deps = worker::deps(db, "mail-worker", 10, &lifecycle);
    let waker = deps.waker.clone();
    mail_worker::start(&config, mail_worker::settings(&config), deps, &Health::new())?;
    Ok((lifecycle, waker))
}

/// Waits until every finish is written, and stops the worker.
async fn settle(db: &TestDb, lifecycle: &Lifecycle) -> Result<()> {
    let began = Instant::now();
    let left = "SELECT count(*) FROM mail_deliveries WHERE status <> 'sent'";
    while sqlx::query_scalar::<_, i64>(left).fetch_one(&db.pool()).await? > 0 {
        ensure!(began.elapsed() < PATIENCE, "finishes are not written");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    lifecycle.stop();
    lifecycle.run_to_end().await;
    Ok(())
}

/// Mails a second by lettre's own client, which writes nothing down. The sockets do not delay: by itself lettre leaves Nagle's
/// algorithm on, which holds back the final dot.
async fn lettre_sends(relay: SocketAddr, connections: usize, mails: usize, message: &[u8]) -> Result<f64> {
    let from: Address = "noreply@galaxy.test".parse()?;
    let envelope = Envelope::new(Some(from), vec!["ann@example.org".parse()?])?;
    let begun = Arc::new(AtomicUsize::new(0));
    let began = Instant::now();
    let loops = (0..connections).map(|_| {
        let (envelope, message, begun) = (envelope.clone(), message.to_vec(), Arc::clone(&begun));
        let sending = async move {
            let tcp = TcpStream::connect(relay).await?;
            tcp.set_nodelay(true)?;
            let mut smtp = AsyncSmtpConnection::connect_with_transport(Box::new(tcp), &ClientId::default()).await?;
            while begun.fetch_add(1, Ordering::Relaxed) < mails {
                smtp.send(&envelope, &message).await?;
            }
            smtp.quit().await?;
            anyhow::Ok(())
        };
        async move { tokio::spawn(sending).await? }
    });
    try_join_all(loops).await?;
    Ok(mails as f64 / began.elapsed().as_secs_f64())
}
