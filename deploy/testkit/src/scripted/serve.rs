//! The process: listens, takes calls, and does to them what the script says.

use std::fmt::Write as _;
use std::io::Write as _;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use parking_lot::Mutex;
use serde_json::{Value, json};
use tokio::io::BufReader;
use tokio::net::{TcpListener, TcpStream};
use tokio::signal::unix::{SignalKind, signal};
use tokio::time::sleep;

use super::conn::{Answer, Request, request, say};
use super::script::{Call, Die, Rule, Script};
use super::state::State;

/// The exit code of a process that ends because its script says so.
const DIED: i32 = 3;

struct Engine {
    dir: PathBuf,
    token: String,
    game_id: String,
    state: Mutex<State>,
    /// Held while a turn is generated: another call for one waits for it.
    generating: tokio::sync::Mutex<()>,
}

/// A status code and a JSON body.
type Said = (u16, Value);

/// Serves the game of the environment (SPEC §9) until SIGTERM.
///
/// # Errors
/// When the environment, the script or the state directory is not right, or the address is taken.
pub async fn serve() -> Result<()> {
    let var = |name: &str| std::env::var(name).with_context(|| name.to_owned());
    let dir = PathBuf::from(var("GALAXY_STATE_DIR")?);
    let mut terminate = signal(SignalKind::terminate())?;
    let state = State::open(&dir)?;
    let boot = Script::read(&dir)?.boot;
    print(&boot.say);
    sleep(Duration::from_millis(boot.delay_ms)).await;
    let address = std::env::var("GALAXY_LISTEN_ADDR").unwrap_or_else(|_| "0.0.0.0:8080".to_owned());
    let engine = Arc::new(Engine {
        dir,
        token: var("GALAXY_ENGINE_TOKEN")?,
        game_id: var("GALAXY_GAME_ID")?,
        state: Mutex::new(state),
        generating: tokio::sync::Mutex::default(),
    });
    let listener = TcpListener::bind(&address).await.context(address)?;
    tokio::spawn(async move {
        while let Ok((peer, _)) = listener.accept().await {
            let _ = peer.set_nodelay(true);
            let engine = Arc::clone(&engine);
            tokio::spawn(async move { engine.converse(peer).await });
        }
    });
    let end = async {
        match boot.die_after_ms {
            Some(ms) => sleep(Duration::from_millis(ms)).await,
            None => std::future::pending().await,
        }
    };
    let told = async {
        while terminate.recv().await.is_some() {
            if !boot.deaf {
                return;
            }
        }
    };
    tokio::select! {
        () = told => Ok(()),
        () = end => std::process::exit(DIED),
    }
}

fn print(line: &str) {
    if !line.is_empty() {
        let _ = writeln!(std::io::stdout(), "{line}");
    }
}

fn problem(status: u16, code: &str, detail: &str) -> Said {
    (status, json!({ "type": "about:blank", "title": code, "status": status, "code": code, "detail": detail }))
}

impl Engine {
    async fn converse(&self, peer: TcpStream) -> Result<()> {
        let mut peer = BufReader::new(peer);
        while let Some(asked) = request(&mut peer).await? {
            let answer = match self.answer(&asked).await {
                Ok(answer) => answer,
                Err(error) => {
                    let text = format!("{error:#}");
                    print(&text);
                    told(&Rule::default(), problem(500, "script", &text))
                }
            };
            say(&mut peer, &answer).await?;
            if answer.last {
                break;
            }
        }
        Ok(())
    }

    async fn answer(&self, asked: &Request) -> Result<Answer> {
        let Some(call) = call_of(asked) else {
            return Ok(told(&Rule::default(), problem(404, "not_found", "there is no such path")));
        };
        let given = asked.headers.get("authorization").and_then(|value| value.strip_prefix("Bearer "));
        let own = given == Some(self.token.as_str());
        let token = match given {
            None => "none",
            Some(_) if own => "own",
            Some(_) => "foreign",
        };
        let script = Script::read(&self.dir)?;
        let rule = {
            let mut state = self.state.lock();
            state.saw(call, token, &asked.body)?;
            state.rule(&script, call)?
        };
        print(&rule.say);
        let busy = if call == Call::Turn { Some(self.generating.lock().await) } else { None };
        sleep(Duration::from_millis(rule.delay_ms)).await;
        if rule.hang {
            std::future::pending::<()>().await;
        }
        if rule.die == Some(Die::Before) {
            std::process::exit(DIED);
        }
        let said = if call != Call::Healthz && !own {
            problem(401, "unauthorized", "a bearer token is needed")
        } else {
            let mut state = self.state.lock();
            if let Some(turn) = rule.set_turn {
                state.set_turn(turn)?;
            }
            if rule.has_effect() { self.honest(&mut state, &script, &rule, call, asked)? } else { (200, json!({})) }
        };
        if rule.die == Some(Die::After) {
            std::process::exit(DIED);
        }
        drop(busy);
        sleep(Duration::from_millis(rule.late_ms)).await;
        Ok(told(&rule, said))
    }

    /// What the contract says.
    fn honest(&self, state: &mut State, script: &Script, rule: &Rule, call: Call, asked: &Request) -> Result<Said> {
        let text = |name: &str| asked.body.get(name).and_then(Value::as_str).unwrap_or_default();
        if call == Call::Healthz {
            return Ok((200, json!({ "status": "ok" })));
        }
        if call == Call::Init {
            if text("game_id") != self.game_id {
                return Ok(problem(409, "wrong_game", "this engine runs another game"));
            }
            match &state.init {
                None => state.begin(asked.body.clone())?,
                Some(known) if *known == asked.body => {}
                Some(_) => return Ok(problem(409, "already_initialised", "the game began with another set-up")),
            }
            return Ok((200, state.status(script)));
        }
        if state.init.is_none() {
            return Ok(problem(404, "game_not_initialised", "there is no game yet"));
        }
        let known = |race: &str| state.races().iter().any(|name| name == race);
        Ok(match call {
            Call::Turn => {
                let expected = asked.body.get("expected_turn").and_then(Value::as_i64).context("expected_turn")?;
                let turn = i64::from(state.turn);
                if expected == turn && state.finished(script) {
                    problem(409, "game_finished", "the game is over")
                } else if expected == turn {
                    state.generate(state.turn + rule.jump.unwrap_or(1))?;
                    (200, state.status(script))
                } else if expected == turn - 1 {
                    (200, state.status(script))
                } else {
                    problem(409, "turn_mismatch", "the engine stands at another turn")
                }
            }
            Call::Banish if !known(text("race_name")) => problem(404, "race_not_found", "there is no such race"),
            Call::Banish => {
                state.banish(text("race_name"))?;
                (200, state.status(script))
            }
            Call::Order if asked.body.get("turn").and_then(Value::as_i64) != Some(i64::from(state.turn)) => {
                problem(409, "turn_already_closed", "orders are for the turn that is open")
            }
            Call::Command | Call::Order => (200, json!({ "turn": state.turn, "accepted": 0 })),
            Call::Report => {
                let race = asked.query.get("race_name").map_or("", String::as_str);
                let turn = asked.query.get("turn").and_then(|turn| turn.parse().ok()).unwrap_or(i32::MAX);
                if known(race) && turn <= state.turn {
                    (200, json!({ "race_name": race, "turn": turn, "padding": " ".repeat(script.report_bytes) }))
                } else {
                    problem(404, "report_not_found", "there is no such report")
                }
            }
            Call::Status | Call::Healthz | Call::Init => (200, state.status(script)),
        })
    }
}

fn call_of(asked: &Request) -> Option<Call> {
    Some(match (asked.method.as_str(), asked.path.as_str()) {
        ("GET", "/healthz") => Call::Healthz,
        ("POST", "/api/v1/admin/init") => Call::Init,
        ("GET", "/api/v1/admin/status") => Call::Status,
        ("PUT", "/api/v1/admin/turn") => Call::Turn,
        ("POST", "/api/v1/admin/race/banish") => Call::Banish,
        ("PUT", "/api/v1/command") => Call::Command,
        ("PUT", "/api/v1/order") => Call::Order,
        ("GET", "/api/v1/report") => Call::Report,
        _ => return None,
    })
}

/// The answer's bytes, with what the rule makes of them.
fn told(rule: &Rule, (status, mut value): Said) -> Answer {
    let dribble = Duration::from_millis(rule.dribble_ms);
    if rule.close {
        return Answer { last: true, ..Answer::default() };
    }
    if let Some(raw) = &rule.raw {
        return Answer { bytes: raw.clone().into_bytes(), dribble, last: true };
    }
    if let (Some(members), Some(into)) = (&rule.merge, value.as_object_mut()) {
        for (name, value) in members {
            if value.is_null() {
                into.remove(name).map(drop)
            } else {
                into.insert(name.clone(), value.clone()).map(drop)
            };
        }
    }
    let status = rule.status.unwrap_or(status);
    let mut body = rule.body.clone().unwrap_or_else(|| value.to_string());
    body.push_str(&" ".repeat(rule.pad));
    let kind = if status < 300 { "application/json" } else { "application/problem+json" };
    let given = |name: &str| rule.headers.keys().any(|key| key.eq_ignore_ascii_case(name));
    let mut head = format!("HTTP/1.1 {status} Scripted\r\n");
    for (name, value) in [("content-type", kind.to_owned()), ("content-length", body.len().to_string())] {
        if !given(name) {
            let _ = write!(head, "{name}: {value}\r\n");
        }
    }
    for (name, value) in &rule.headers {
        let _ = write!(head, "{name}: {value}\r\n");
    }
    let mut bytes = [head.as_bytes(), b"\r\n", body.as_bytes()].concat();
    bytes.truncate(rule.cut.unwrap_or(usize::MAX));
    Answer { bytes, dribble, last: rule.cut.is_some() || given("connection") }
}
