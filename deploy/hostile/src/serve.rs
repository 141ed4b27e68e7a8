//! The engine API, as little of it as a game needs: one connection after another, so that it asks for no thread that a fork bomb has
//! taken.

use std::io::{BufRead as _, BufReader, Error, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::time::Duration;

use serde_json::{Value, json};

use crate::deeds::hog;

pub fn forever(state_dir: &Path) -> Result<(), Error> {
    let address = std::env::var("GALAXY_LISTEN_ADDR").unwrap_or_else(|_| "0.0.0.0:8080".to_owned());
    let listener = TcpListener::bind(address)?;
    // A caller that leaves is nobody's trouble.
    for stream in listener.incoming().flatten() {
        let _ = answer(stream, state_dir);
    }
    Ok(())
}

fn answer(mut stream: TcpStream, state_dir: &Path) -> Result<(), Error> {
    stream.set_read_timeout(Some(Duration::from_secs(5)))?;
    let mut reader = BufReader::new(stream.try_clone()?);
    let mut line = String::new();
    reader.read_line(&mut line)?;
    let mut words = line.split_whitespace();
    let (method, path) = (words.next().unwrap_or_default().to_owned(), words.next().unwrap_or_default().to_owned());
    let (mut length, mut token) = (0, String::new());
    loop {
        let mut header = String::new();
        if reader.read_line(&mut header)? == 0 || header.trim().is_empty() {
            break;
        }
        match header.split_once(':') {
            Some((name, value)) if name.eq_ignore_ascii_case("content-length") => {
                length = value.trim().parse().unwrap_or(0)
            }
            Some((name, value)) if name.eq_ignore_ascii_case("authorization") => value.trim().clone_into(&mut token),
            _ => {}
        }
    }
    let mut body = Vec::new();
    reader.take(length).read_to_end(&mut body)?;
    let body: Value = serde_json::from_slice(&body).unwrap_or(Value::Null);
    let path = path.split('?').next().unwrap_or_default();
    let ours = std::env::var("GALAXY_ENGINE_TOKEN").is_ok_and(|ours| token == format!("Bearer {ours}"));
    let (status, answer) = if ours || path == "/healthz" {
        call(&method, path, &body, state_dir)
    } else {
        (401, json!({ "status": 401, "code": "token_required", "title": "Not without the token." }))
    };
    let answer = answer.to_string();
    let kind = if status < 400 { "application/json" } else { "application/problem+json" };
    let length = answer.len();
    write!(
        stream,
        "HTTP/1.1 {status} X\r\nContent-Type: {kind}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{answer}"
    )
}

fn call(method: &str, path: &str, body: &Value, state_dir: &Path) -> (u16, Value) {
    let file = &state_dir.join("game.json");
    let kept = std::fs::read(file).ok().and_then(|text| serde_json::from_slice::<Value>(&text).ok());
    let keep = |game: &Value| {
        // A full disk is no reason to forget what turn it is: the test wants to see who else suffers.
        let _ = std::fs::write(file, game.to_string());
        (200, game.clone())
    };
    match (method, path.strip_prefix("/api/v1").unwrap_or(path), kept) {
        ("GET", "/healthz", _) => (200, json!({ "status": "ok" })),
        ("POST", "/admin/init", None) => {
            let races = body.get("races").and_then(Value::as_array).cloned().unwrap_or_default();
            let race = |race: Value| json!({ "race_name": race.get("race_name"), "planets": 1, "population": 1, "extinct": false });
            let races: Vec<Value> = races.into_iter().map(race).collect();
            let game_id = body.get("game_id");
            keep(&json!({ "game_id": game_id, "turn": 0, "finished": false, "races": races, "winners": [] }))
        }
        ("GET", "/admin/status", Some(game)) | ("POST", "/admin/init", Some(game)) => (200, game),
        ("PUT", "/admin/turn", Some(mut game)) => {
            greed(state_dir);
            let turn = game.get("turn").and_then(Value::as_i64).unwrap_or_default();
            if body.get("expected_turn").and_then(Value::as_i64) == Some(turn)
                && let Some(kept) = game.get_mut("turn")
            {
                *kept = json!(turn + 1);
                journal(state_dir, turn + 1);
            }
            keep(&game)
        }
        ("GET", "/report", Some(_)) => (200, json!({})),
        (_, _, None) => (404, json!({ "status": 404, "code": "game_not_initialised", "title": "No game." })),
        _ => (404, json!({ "status": 404, "code": "not_found", "title": "No such thing." })),
    }
}

/// A turn for which there is not memory enough: once where a test has put down `greedy-once`, each while there is `greedy-turns`.
fn greed(state_dir: &Path) {
    if std::fs::remove_file(state_dir.join("greedy-once")).is_ok() || state_dir.join("greedy-turns").exists() {
        println!("this turn takes all the memory that there is");
        hog();
    }
}

/// What was generated, in the form of the scripted engine's journal.
fn journal(state_dir: &Path, turn: i64) {
    let file = std::fs::OpenOptions::new().create(true).append(true).open(state_dir.join("journal.jsonl"));
    let _ = file.and_then(|mut file| writeln!(file, "{}", json!({ "turn": turn })));
}
