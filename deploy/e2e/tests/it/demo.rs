//! The demo on a healthy stack, and what it costs when nobody plays. Counted, not timed: how long things take is printed, and
//! judged by who runs `cargo xtask up` on a machine that does nothing else.

use std::time::{Duration, Instant};

use galaxy_e2e::demo::Options;
use sqlx::Connection as _;
use testkit::process::cpu_seconds;
use testkit::stack::{Driver, Stack};

use crate::metrics;
use crate::world::{driver, patience_with_postgres, play, postgres_processes, report, stack, stack_on, stop};

const MIB: u64 = 1 << 20;
const IDLE: Duration = Duration::from_secs(10);
/// What starting costs (statements prepared, log opened, first sweeps, Postgres's own tidying) is behind them by then.
const SETTLED: Duration = Duration::from_secs(8);
/// Transactions a second of the whole idle stack (18 when this was written): heartbeats, looks for due
/// and lost rows of five queues, the push log.
const STATEMENTS: f64 = 40.0;
/// How often a second an idle process may be woken (10 to 17 when this was written): its timers, and answers of the database.
const WAKEUPS: f64 = 80.0;

#[tokio::test(flavor = "multi_thread")]
async fn a_whole_game_is_played_through_the_real_processes() {
    let mut stack = stack("demo", 1).await;
    for (who, held) in memory(&mut stack, "idle") {
        let limit = if who.starts_with("api-server") { 32 * MIB } else { 16 * MIB };
        assert!(held < limit, "{who} holds {} MiB when idle", held / MIB);
    }
    assert_idle_does_little(&mut stack).await;
    let report = report(play(stack.summary(), Options::default()).await);
    assert!(report.players >= 4 && report.turns() > 10 && report.retries.is_empty(), "{report}");
    assert_eq!(report.repeated_mails, 0);
    for (what, median) in report.latencies.medians() {
        assert!(median.is_some(), "not measured: {what}");
    }
    memory(&mut stack, "after the demo");
    stop(stack).await;
}

/// A second run on the same database, as people do; and what operators see of both.
#[tokio::test(flavor = "multi_thread")]
async fn the_demo_can_be_played_twice_and_by_two_replicas() {
    // Where the players of the demo are at home.
    let countries = testkit::state_dir().join("e2e-countries.mmdb");
    std::fs::write(&countries, testkit::mmdb::countries(&[("203.0.113.0/24", "DE")])).unwrap();
    let settings = vec![("BACKEND_GEOIP_DB_PATH".to_owned(), countries.display().to_string())];
    let stack = stack_on("twice", 2, driver(), settings).await;
    report(play(stack.summary(), Options::default()).await);
    report(play(stack.summary(), Options::default()).await);
    metrics::all_are_there(stack.summary()).await;
    stop(stack).await;
}

/// Engines as plain processes, as on a laptop without Docker: whatever the other tests run them on.
#[tokio::test(flavor = "multi_thread")]
async fn the_demo_can_be_played_without_containers() {
    let stack = stack_on("process-driver", 1, Driver::Process, vec![patience_with_postgres()]).await;
    let report = report(play(stack.summary(), Options::default()).await);
    assert!(report.players >= 4 && report.turns() > 10 && report.retries.is_empty(), "{report}");
    assert_eq!(report.repeated_mails, 0);
    stop(stack).await;
}

/// A machine that is busy with something else makes timers late, and never more of them: what is counted is the same or less.
async fn assert_idle_does_little(stack: &mut Stack) {
    tokio::time::sleep(SETTLED).await;
    let dsn = stack.summary().postgres_dsn.split('?').next().unwrap().to_owned();
    let mut conn = sqlx::PgConnection::connect(&dsn).await.unwrap();
    let mut transactions = async || -> i64 {
        let counted = "SELECT sum(xact_commit + xact_rollback)::bigint FROM pg_stat_database";
        sqlx::query_scalar(counted).fetch_one(&mut conn).await.unwrap()
    };
    let (began, asked, cpu_before, woken) = (Instant::now(), transactions().await, cpu(stack), wakeups(stack));
    tokio::time::sleep(IDLE).await;
    let (asked, cpu_after, woken_after) = (transactions().await - asked, cpu(stack), wakeups(stack));
    let seconds = began.elapsed().as_secs_f64();
    for ((who, before), (_, after)) in cpu_before.iter().zip(&cpu_after) {
        println!("idle: {who:<22} {:5.2} % of a core", 100.0 * (after - before) / seconds);
    }
    for ((who, before), (_, after)) in woken.iter().zip(&woken_after) {
        let rate = (after - before) as f64 / seconds;
        println!("idle: {who:<22} {rate:5.1} wake-ups a second");
        assert!(rate < WAKEUPS, "{who} is woken {rate:.1} times a second when idle");
    }
    let rate = asked as f64 / seconds;
    println!("idle: the whole stack        {rate:5.1} transactions a second");
    assert!(rate < STATEMENTS, "the idle stack asks the database {rate:.1} times a second");
}

fn wakeups(stack: &mut Stack) -> Vec<(String, u64)> {
    let members = stack.members().iter_mut();
    members.map(|member| (member.label(), member.process().expect("it runs").wakeups())).collect()
}

fn cpu(stack: &mut Stack) -> Vec<(String, f64)> {
    let members = stack.members().iter_mut();
    let mut used: Vec<(String, f64)> =
        members.map(|member| (member.label(), member.process().expect("it runs").cpu_seconds())).collect();
    let postgres = postgres_processes(stack).into_iter().map(cpu_seconds).sum();
    used.push(("postgres".into(), postgres));
    used
}

fn memory(stack: &mut Stack, when: &str) -> Vec<(String, u64)> {
    let mut found = Vec::new();
    for member in stack.members() {
        let process = member.process().expect("it runs");
        // Its own: pages of the program's file, which are many where it was built for development, the system takes back.
        let (held, rss) = (process.anonymous_bytes(), process.rss_bytes());
        let mib = |bytes: u64| bytes as f64 / MIB as f64;
        println!("{when}: {:<22} {:6.1} MiB held, {:6.1} MiB resident", member.label(), mib(held), mib(rss));
        found.push((member.label(), held));
    }
    found
}
