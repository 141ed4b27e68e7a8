//! The engine as a process: what the environment says, a life until SIGTERM.

use std::io::{Read as _, Write as _};
use std::net::{IpAddr, Ipv4Addr, TcpStream};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context as _, bail};
use serde_json::json;

use crate::game::Game;
use crate::http::serve::serve as serve_until_told;
use crate::log;
use crate::settings::{Settings, listen_addr};

/// How long a health check waits for an answer.
const HEALTH_PATIENCE: Duration = Duration::from_secs(3);

fn env(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

/// The whole of an author's `main`: serves the game that the environment names until SIGTERM or SIGINT; with the argument
/// `healthcheck`, asks the engine on this machine whether it is alive.
pub fn main<G: Game>(game: G) -> ExitCode {
    if std::env::args().nth(1).as_deref() == Some("healthcheck") {
        return healthcheck();
    }
    match Settings::read(&env) {
        Ok(settings) => serve(game, settings),
        Err(faults) => told(Err(faults.into())),
    }
}

/// Serves a game until SIGTERM or SIGINT, on a thread of its own: an idle engine costs next to nothing.
pub fn serve<G: Game>(game: G, settings: Settings) -> ExitCode {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        // For the disk, and for turns. More than the platform calls at once, so that who waits for a turn holds up no reader.
        .max_blocking_threads(32)
        .thread_keep_alive(Duration::from_secs(5))
        .build();
    told(runtime.context("the async runtime").and_then(|runtime| runtime.block_on(serve_until_told(game, settings))))
}

/// Asks the engine on this machine, by `GALAXY_LISTEN_ADDR`, whether it is alive.
#[must_use]
pub fn healthcheck() -> ExitCode {
    told(ask())
}

fn ask() -> anyhow::Result<()> {
    let mut address = listen_addr(&env).map_err(anyhow::Error::msg)?;
    if address.ip().is_unspecified() {
        address.set_ip(IpAddr::V4(Ipv4Addr::LOCALHOST));
    }
    let mut connection = TcpStream::connect_timeout(&address, HEALTH_PATIENCE).with_context(|| address.to_string())?;
    connection.set_read_timeout(Some(HEALTH_PATIENCE))?;
    connection.write_all(b"GET /healthz HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n")?;
    let mut head = [0; 12];
    connection.read_exact(&mut head)?;
    if head.ends_with(b" 200") {
        return Ok(());
    }
    bail!("/healthz answers {}", String::from_utf8_lossy(&head))
}

fn told(outcome: anyhow::Result<()>) -> ExitCode {
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            log::line("error", &format!("{error:#}"), &json!({}));
            ExitCode::FAILURE
        }
    }
}
