//! The engine's life as a process: open, listen, stop on a signal.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use poem::Server;
use poem::listener::TcpListener;
use serde_json::json;
use tokio::signal::unix::{SignalKind, signal};

use super::app;
use crate::engine::Engine;
use crate::game::Game;
use crate::log;
use crate::settings::Settings;

/// How long calls in flight may take to end after a signal. A change that has begun is written in any case.
const DRAIN: Duration = Duration::from_secs(3);

/// Serves one game until SIGTERM or SIGINT.
///
/// # Errors
/// If the state cannot be used or the address is taken.
pub(crate) async fn serve<G: Game>(game: G, settings: Settings) -> anyhow::Result<()> {
    // PID 1 of a container has no default action for signals, so that both are asked for before anything else.
    let mut terminate = signal(SignalKind::terminate()).context("SIGTERM")?;
    let mut interrupt = signal(SignalKind::interrupt()).context("SIGINT")?;
    let stop = async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        log::line("info", "stopping", &json!({}));
    };

    let Settings { game_id, state_dir, token, listen } = settings;
    let id = game_id.clone();
    let opened = tokio::task::spawn_blocking(move || Engine::open(game, &id, &state_dir));
    tokio::pin!(stop);
    let engine = tokio::select! {
        opened = opened => opened.context("opening the state")?.context("the state directory")?,
        () = &mut stop => return Ok(()),
    };
    let turn = engine.status().ok().map(|standing| standing.turn);
    log::line("info", "listening", &json!({"addr": listen.to_string(), "game_id": game_id, "turn": turn}));
    Server::new(TcpListener::bind(listen))
        .run_with_graceful_shutdown(app(Arc::new(engine), token), stop, Some(DRAIN))
        .await
        .with_context(|| format!("listening on {listen}"))
}
