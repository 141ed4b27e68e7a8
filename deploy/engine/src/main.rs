//! The `galaxy-engine` binary: serves one game, and helps game authors with theirs.

use std::io::Write;
use std::net::{IpAddr, Ipv4Addr};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, bail};
use clap::{Parser, Subcommand};
use galaxy_engine::conformance::{self, Target};
use galaxy_engine::http::serve::serve;
use galaxy_engine::settings::{Settings, listen_addr};
use galaxy_engine::{http, log};
use serde_json::json;

/// The reference game engine of the Galaxy platform. Without a subcommand it serves the game in GALAXY_GAME_ID; see
/// deploy/engine/README.md for the environment.
#[derive(Parser)]
#[command(name = "galaxy-engine", version)]
struct Arguments {
    #[command(subcommand)]
    task: Option<Task>,
}

#[derive(Subcommand)]
enum Task {
    /// Serve the game (the default).
    Serve,
    /// Write the OpenAPI document of the engine API.
    Openapi {
        /// Where to; stdout if not given.
        #[arg(long)]
        output: Option<PathBuf>,
    },
    /// Ask the engine on this machine whether it is alive.
    Healthcheck,
    /// Test any freshly started engine against the contract.
    Conformance {
        /// Where it answers, such as http://127.0.0.1:8080.
        #[arg(long)]
        url: String,
        /// Its GALAXY_ENGINE_TOKEN; taken from that variable if not given.
        #[arg(long)]
        token: Option<String>,
        /// Its GALAXY_GAME_ID; taken from that variable if not given.
        #[arg(long)]
        game_id: Option<String>,
        /// Turns to play at most.
        #[arg(long, default_value_t = 200)]
        max_turns: u32,
    },
}

fn env(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

fn main() -> ExitCode {
    let task = Arguments::parse().task.unwrap_or(Task::Serve);
    // One thread serves, a few more wait for the disk: an idle engine costs next to nothing.
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .max_blocking_threads(8)
        .thread_keep_alive(Duration::from_secs(5))
        .build();
    let outcome = runtime.context("the async runtime").and_then(|runtime| runtime.block_on(run(task)));
    match outcome {
        Ok(code) => code,
        Err(error) => {
            log::line("error", &format!("{error:#}"), &json!({}));
            ExitCode::FAILURE
        }
    }
}

async fn run(task: Task) -> anyhow::Result<ExitCode> {
    match task {
        Task::Serve => serve(Settings::read(&env)?).await?,
        Task::Openapi { output } => {
            let document = http::document()?;
            match output {
                Some(path) => std::fs::write(&path, document).with_context(|| path.display().to_string())?,
                None => std::io::stdout().write_all(document.as_bytes())?,
            }
        }
        Task::Healthcheck => healthcheck().await?,
        Task::Conformance { url, token, game_id, max_turns } => {
            let token = token.or_else(|| env("GALAXY_ENGINE_TOKEN")).context("--token or GALAXY_ENGINE_TOKEN")?;
            let game_id = game_id.or_else(|| env("GALAXY_GAME_ID")).context("--game-id or GALAXY_GAME_ID")?;
            let mut target = Target::new(&url, &token, &game_id)?;
            target.max_turns = max_turns;
            return check(&target).await;
        }
    }
    Ok(ExitCode::SUCCESS)
}

async fn check(target: &Target) -> anyhow::Result<ExitCode> {
    let mut stdout = std::io::stdout();
    let checks = conformance::run(target, |check| {
        let _ = writeln!(stdout, "{check}");
    })
    .await;
    let failed = checks.iter().filter(|check| check.fault.is_some()).count();
    writeln!(std::io::stdout(), "{} checks, {failed} failed", checks.len())?;
    Ok(if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

async fn healthcheck() -> anyhow::Result<()> {
    let mut address = listen_addr(&env).map_err(anyhow::Error::msg)?;
    if address.ip().is_unspecified() {
        address.set_ip(IpAddr::V4(Ipv4Addr::LOCALHOST));
    }
    let client = reqwest::Client::builder().timeout(Duration::from_secs(3)).no_proxy().build()?;
    let answer = client.get(format!("http://{address}/healthz")).send().await?;
    if !answer.status().is_success() {
        bail!("/healthz answers {}", answer.status());
    }
    Ok(())
}
