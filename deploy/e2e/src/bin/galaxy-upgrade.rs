//! `galaxy-upgrade`: brings a stack of one release up and upgrades it to another; `cargo xtask upgrade` builds both and runs it.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a tool for the terminal")]

use std::fs::File;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Instant;

use anyhow::{Context as _, Result, bail, ensure};
use clap::Parser;
use galaxy_e2e::demo::{Report, Story};
use galaxy_e2e::upgrade::{self, REPLICAS, Releases};
use testkit::stack::{Driver, Stack, StackConfig, clean_engines};

/// Upgrades a stack of its own under load, takes it back, and upgrades it again. `GALAXY_BIN_DIR` names the directory with the binaries
/// of the former release, which the stack is started with.
#[derive(Debug, Parser)]
#[command(name = "galaxy-upgrade", version)]
struct Args {
    /// The directory with the binaries of the next release
    #[arg(long)]
    next: PathBuf,
}

#[tokio::main]
async fn main() -> ExitCode {
    match run(Args::parse()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("\ngalaxy-upgrade: {error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn run(args: Args) -> Result<()> {
    let former = std::env::var_os("GALAXY_BIN_DIR").context("GALAXY_BIN_DIR names no former release")?;
    let releases = Releases { former: former.into(), next: args.next };
    let lock = File::create(testkit::state_dir().join("upgrade.lock")).context("make upgrade.lock")?;
    ensure!(lock.try_lock().is_ok(), "another run of this checkout is under way");
    let config = StackConfig {
        dir: testkit::target_dir().join("upgrade/stack"),
        replicas: REPLICAS,
        driver: Driver::Process,
        instance: "upgrade".to_owned(),
        usual_ports: false,
        durable: false,
        own_roles: true,
        behind_proxy: false,
        settings: Vec::new(),
    };
    // What a killed run left behind.
    clean_engines(&config);
    if config.dir.exists() {
        testkit::remove_dir(&config.dir).context("empty target/upgrade/stack")?;
    }
    std::fs::create_dir_all(&config.dir).context("make target/upgrade/stack")?;
    println!("Logs: {}", config.dir.join("logs").display());

    let began = Instant::now();
    let mut stack = tokio::select! {
        stack = Stack::start(config, |step| println!("  {:5.1}s  {step}", began.elapsed().as_secs_f64())) => stack?,
        _ = tokio::signal::ctrl_c() => bail!("interrupted"),
    };
    let story = Story::new(|line| println!("{line}"));
    let reports = tokio::select! {
        reports = upgrade::run(&mut stack, &releases, &story) => reports?,
        _ = tokio::signal::ctrl_c() => bail!("interrupted"),
    };
    stack.stop(|_| {}).await?;
    let games: usize = reports.iter().map(|report| report.games.len()).sum();
    let turns: u32 = reports.iter().map(Report::turns).sum();
    println!("\n{games} games, {turns} turns: nothing is lost, on either release and on both at once");
    Ok(())
}
