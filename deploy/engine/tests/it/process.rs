//! The engine as a process: signals, settings, subcommands.

use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4};
use std::process::{Command, Stdio};
use std::time::Duration;

use crate::harness::{Engine, GAME, command, state_dir};

/// Where nobody listens.
const NOBODY: SocketAddr = SocketAddr::V4(SocketAddrV4::new(Ipv4Addr::LOCALHOST, 1));

fn signal(engine: &Engine, name: &str) {
    let done = Command::new("kill").arg(name).arg(engine.child.id().to_string()).status().unwrap();
    assert!(done.success());
}

#[tokio::test]
async fn signals_stop_it_promptly_even_with_a_connection_open() {
    for name in ["-TERM", "-INT"] {
        let (_dir, state) = state_dir();
        let mut engine = Engine::start(&state).await;
        engine.init(&["A", "B"]).await;
        signal(&engine, name);
        let status = engine.ended(Duration::from_secs(5)).await;
        assert_eq!(status.code(), Some(0));
        let engine = Engine::start(&state).await;
        assert_eq!(engine.status().await["turn"], 0);
    }
}

#[tokio::test]
async fn bad_settings_are_all_told() {
    let output =
        Command::new(env!("CARGO_BIN_EXE_galaxy-engine")).env_clear().env("GALAXY_TURN_LIMIT", "0").output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    let text = String::from_utf8(output.stderr).unwrap();
    for name in ["GALAXY_GAME_ID", "GALAXY_STATE_DIR", "GALAXY_ENGINE_TOKEN", "GALAXY_TURN_LIMIT"] {
        assert!(text.contains(name), "{text}");
    }
}

#[tokio::test]
async fn another_games_state_is_refused() {
    let (_dir, state) = state_dir();
    let mut engine = Engine::start(&state).await;
    engine.init(&["A", "B"]).await;
    engine.kill();
    let output = command(&state, NOBODY).env("GALAXY_GAME_ID", "another-game").stderr(Stdio::piped()).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8(output.stderr).unwrap().contains(GAME));
}

#[tokio::test]
async fn subcommands_work_from_the_shell() {
    let (_dir, state) = state_dir();
    let engine = Engine::start(&state).await;
    let health = command(&state, engine.addr).arg("healthcheck").status().unwrap();
    assert!(health.success());
    let nobody = command(&state, NOBODY).arg("healthcheck").status().unwrap();
    assert!(!nobody.success());
    let document = Command::new(env!("CARGO_BIN_EXE_galaxy-engine")).arg("openapi").output().unwrap();
    assert_eq!(String::from_utf8(document.stdout).unwrap(), galaxy_engine_sdk::http::document().unwrap());
}
