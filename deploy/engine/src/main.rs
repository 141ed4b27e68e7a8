//! The `galaxy-engine` binary: serves one game.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use galaxy_engine::reference::Reference;
use galaxy_engine::settings;
use galaxy_engine_sdk::{Faults, Settings, healthcheck, http, log, serve};
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
}

fn main() -> ExitCode {
    match Arguments::parse().task.unwrap_or(Task::Serve) {
        Task::Serve => match environment() {
            Ok((reference, settings)) => serve(reference, settings),
            Err(faults) => failed(&faults.to_string()),
        },
        Task::Healthcheck => healthcheck(),
        Task::Openapi { output } => match write_document(output) {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => failed(&error.to_string()),
        },
    }
}

/// Everything that the environment says, or everything that is wrong with it.
fn environment() -> Result<(Reference, Settings), Faults> {
    let env = |name: &str| std::env::var(name).ok();
    match (settings::rules(&env), Settings::read(&env)) {
        (Ok(rules), Ok(settings)) => Ok((Reference { rules }, settings)),
        (rules, settings) => {
            let faults = [rules.err(), settings.err()].into_iter().flatten().flat_map(|faults| faults.0);
            Err(Faults(faults.collect()))
        }
    }
}

fn write_document(output: Option<PathBuf>) -> std::io::Result<()> {
    let document = http::document()?;
    match output {
        Some(path) => std::fs::write(path, document),
        None => std::io::Write::write_all(&mut std::io::stdout(), document.as_bytes()),
    }
}

fn failed(why: &str) -> ExitCode {
    log::line("error", why, &json!({}));
    ExitCode::FAILURE
}
