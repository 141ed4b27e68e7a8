//! `galaxy-demo`: plays the demo game on a running stack and tells the story.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a tool for the terminal")]

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Result;
use clap::Parser;
use galaxy_e2e::demo::{self, Options, Report, Story};
use testkit::stack::Summary;

/// Plays a whole game on a running stack, through its public API alone, and checks everything on the way.
#[derive(Debug, Parser)]
#[command(name = "galaxy-demo", version)]
struct Args {
    /// Where the stack is described, as `cargo xtask up` wrote it
    #[arg(long, default_value = ".local/stack.json")]
    stack: PathBuf,
    /// How often the games make a turn
    #[arg(long, default_value = "@every 1s")]
    schedule: String,
    /// For how many seconds a player waits for what must come
    #[arg(long, default_value_t = 30, value_parser = clap::value_parser!(u16).range(1..))]
    patience: u16,
}

#[tokio::main]
async fn main() -> ExitCode {
    match run(Args::parse()).await {
        Ok(report) => {
            println!("\n{report}");
            ExitCode::SUCCESS
        }
        Err(fault) => {
            eprintln!("\nThe demo did not go as it should:\n  {fault:#}");
            ExitCode::FAILURE
        }
    }
}

async fn run(args: Args) -> Result<Report> {
    let summary = Summary::read(&args.stack)?;
    let patience = Duration::from_secs(args.patience.into());
    let options = Options { schedule: args.schedule, patience, ..Options::default() };
    demo::play(&summary, &options, Story::new(|line| println!("{line}"))).await
}
