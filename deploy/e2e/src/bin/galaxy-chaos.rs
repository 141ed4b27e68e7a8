//! `galaxy-chaos`: brings a stack up and breaks it, round after round; `cargo xtask chaos` builds what it needs and runs it.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a tool for the terminal")]

use std::fs::File;
use std::process::ExitCode;
use std::time::Instant;

use anyhow::{Context, Result, bail, ensure};
use clap::Parser;
use galaxy_e2e::chaos::{self, Options, Report};
use galaxy_e2e::demo::Story;
use shared::random::Random;
use testkit::stack::{Driver, Stack, StackConfig, clean_engines};

/// Seeds that are drawn are below this: people type them again.
const SEEDS: u64 = 1_000_000;

/// Breaks a stack of its own, part by part, under load, and checks that nothing is lost, stuck or done twice.
#[derive(Debug, Parser)]
#[command(name = "galaxy-chaos", version)]
struct Args {
    /// How many blows are struck
    #[arg(long, default_value_t = 30, value_parser = clap::value_parser!(u32).range(1..))]
    rounds: u32,
    /// What decides them; drawn and printed if absent
    #[arg(long)]
    seed: Option<u64>,
    /// How often the games make a turn
    #[arg(long, default_value = "@every 2s")]
    schedule: String,
    /// Tell the players' story too
    #[arg(long)]
    whole_story: bool,
}

#[tokio::main]
async fn main() -> ExitCode {
    match run(Args::parse()).await {
        Ok(report) => {
            println!("\n{report}");
            if report.faults.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
        }
        Err(error) => {
            eprintln!("\ngalaxy-chaos: {error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn run(args: Args) -> Result<Report> {
    let seed = args.seed.unwrap_or_else(|| Random::system().below(SEEDS));
    println!("Seed {seed}: `cargo xtask chaos --rounds {} --seed {seed}` strikes the same blows again", args.rounds);
    let lock = File::create(testkit::state_dir().join("chaos.lock")).context("make chaos.lock")?;
    ensure!(lock.try_lock().is_ok(), "another run of this checkout is under way");
    let config = StackConfig {
        dir: testkit::target_dir().join("chaos"),
        replicas: 2,
        driver: Driver::Process,
        instance: "chaos".to_owned(),
        usual_ports: false,
        durable: false,
        own_roles: false,
        behind_proxy: true,
        settings: Vec::new(),
    };
    // What a killed run left behind.
    clean_engines(&config);
    if config.dir.exists() {
        testkit::remove_dir(&config.dir).context("empty target/chaos")?;
    }
    std::fs::create_dir_all(&config.dir).context("make target/chaos")?;
    println!("Logs: {}", config.dir.join("logs").display());

    let began = Instant::now();
    let mut stack = tokio::select! {
        stack = Stack::start(config, |step| println!("  {:5.1}s  {step}", began.elapsed().as_secs_f64())) => stack?,
        _ = tokio::signal::ctrl_c() => bail!("interrupted"),
    };
    let options = Options {
        rounds: args.rounds as usize,
        seed,
        schedule: args.schedule,
        whole_story: args.whole_story,
        ..Options::default()
    };
    let story = Story::new(|line| println!("{line}"));
    let mut report = tokio::select! {
        report = chaos::run(&mut stack, &options, &story) => report?,
        _ = tokio::signal::ctrl_c() => bail!("interrupted"),
    };
    // After a fault it is dropped as it is: what it says while it ends would hide what is in the logs.
    if report.faults.is_empty()
        && let Err(fault) = stack.stop(|_| {}).await
    {
        report.faults.push(format!("at the end: {fault:#}"));
    }
    Ok(report)
}
