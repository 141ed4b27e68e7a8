//! `engine-check`: the conformance test, for whoever makes an engine. Needs nothing of this repository.

use std::ffi::OsString;
use std::io::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context as _, bail};
use clap::Parser;
use galaxy_engine_check::{Format, Options, Report, Subject, check, document};
use serde_json::Value;

/// Tests a game engine against the contract (docs/engine-contract.md). Ends with 0 if every rule held that was looked at, with 1 if one
/// was broken, with 2 if nothing could be tested.
#[derive(Debug, Parser)]
#[command(name = "engine-check", version)]
struct Arguments {
    /// An engine that runs already, freshly started on an empty state directory, such as http://127.0.0.1:8080
    #[arg(long, group = "subject")]
    url: Option<String>,
    /// Its GALAXY_ENGINE_TOKEN; taken from that variable if not given
    #[arg(long)]
    token: Option<String>,
    /// Its GALAXY_GAME_ID; taken from that variable if not given
    #[arg(long)]
    game_id: Option<String>,
    /// An image that docker has: run in the hardened profile, ended, killed, started again
    #[arg(long, group = "subject")]
    image: Option<String>,
    /// A program with its arguments, to the end of the line: started on loopback with GALAXY_* and PATH, ended, killed, started again
    #[arg(long, group = "subject", num_args = 1.., allow_hyphen_values = true, value_name = "COMMAND")]
    exec: Vec<OsString>,
    /// Where --exec has its state directory made; the system's place for such things if not given
    #[arg(long)]
    state: Option<PathBuf>,
    /// Turns after which a game that goes on has failed to end
    #[arg(long, default_value_t = 500)]
    max_turns: u64,
    /// Play so many turns and no more; the end of the game is left out, and said to be
    #[arg(long)]
    turns: Option<u64>,
    /// Good orders of the race Alpha for turn 0: a JSON array
    #[arg(long, value_parser = json)]
    orders: Option<Value>,
    /// The game's settings: a JSON object
    #[arg(long, value_parser = json, default_value = "{}")]
    settings: Value,
    /// Bytes that a report may have
    #[arg(long, default_value_t = 1 << 20)]
    report_limit: usize,
    /// Seconds that the engine may take to answer after its start, 60 at most
    #[arg(long, default_value_t = 60, value_parser = clap::value_parser!(u64).range(1..=60))]
    patience: u64,
    /// Only print the rules, as Markdown
    #[arg(long, exclusive = true)]
    rules: bool,
    /// Writes the report into a file too: .md or .html
    #[arg(long)]
    report: Option<PathBuf>,
}

fn json(text: &str) -> Result<Value, String> {
    serde_json::from_str(text).map_err(|error| error.to_string())
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    if arguments.rules {
        let printed = write!(std::io::stdout(), "{}", document::table());
        return if printed.is_ok() { ExitCode::SUCCESS } else { ExitCode::from(2) };
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let outcome = runtime.context("the async runtime").and_then(|runtime| runtime.block_on(run(arguments)));
    match outcome {
        Ok(report) if report.passed() => ExitCode::SUCCESS,
        Ok(_) => ExitCode::from(1),
        Err(error) => {
            let _ = writeln!(std::io::stderr(), "engine-check: {error:#}");
            ExitCode::from(2)
        }
    }
}

async fn run(arguments: Arguments) -> anyhow::Result<Report> {
    let format = arguments.report.as_deref().map(Format::of).transpose().map_err(anyhow::Error::msg)?;
    if !arguments.settings.is_object() {
        bail!("--settings is a JSON object");
    }
    if arguments.orders.as_ref().is_some_and(|orders| !orders.is_array()) {
        bail!("--orders is a JSON array");
    }
    let options = Options {
        max_turns: arguments.max_turns,
        turns: arguments.turns,
        orders: arguments.orders,
        settings: arguments.settings,
        report_limit: arguments.report_limit,
        patience: Duration::from_secs(arguments.patience),
        ..Options::default()
    };
    let subject = match (arguments.url, arguments.image, arguments.exec) {
        (Some(url), _, _) => {
            let env = |name: &str| std::env::var(name).ok();
            let token =
                arguments.token.or_else(|| env("GALAXY_ENGINE_TOKEN")).context("--token or GALAXY_ENGINE_TOKEN")?;
            let game_id = arguments.game_id.or_else(|| env("GALAXY_GAME_ID")).context("--game-id or GALAXY_GAME_ID")?;
            Subject::address(&url, &token, &game_id)
        }
        (_, Some(image), _) => Subject::image(&image)?,
        (_, _, exec) if exec.is_empty() => bail!("what is to be tested: --url, --image or --exec"),
        (_, _, exec) => Subject::exec(exec, arguments.state.as_deref())?,
    };
    let mut stdout = std::io::stdout();
    let report = check(subject, &options, &mut |line| {
        let _ = writeln!(stdout, "{line}");
    })
    .await?;
    write!(std::io::stdout(), "\n{}", report.text())?;
    if let (Some(path), Some(format)) = (&arguments.report, format) {
        std::fs::write(path, report.file(format)).with_context(|| path.display().to_string())?;
    }
    Ok(report)
}
