//! The scripted engine, over HTTP as the platform drives it.

use std::net::TcpListener;
use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};
use testkit::eventually;
use testkit::process::{Proc, ProcConfig};
use testkit::scripted::{Call, Die, Rule, Script, journal, seen};

const SOON: Duration = Duration::from_secs(90);
const GAME: &str = "0190d1a0-0000-7000-8000-000000000001";

struct Engine {
    dir: tempfile::TempDir,
    port: u16,
    client: reqwest::Client,
    process: Option<Proc>,
}

impl Engine {
    async fn new() -> Self {
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let client = reqwest::Client::builder().no_proxy().timeout(SOON).build().unwrap();
        let mut engine = Self { dir: tempfile::tempdir().unwrap(), port, client, process: None };
        engine.start().await;
        engine
    }

    async fn start(&mut self) {
        let config = ProcConfig::new(env!("CARGO_BIN_EXE_scripted-engine"))
            .env("GALAXY_GAME_ID", GAME)
            .env("GALAXY_STATE_DIR", self.dir.path().display())
            .env("GALAXY_ENGINE_TOKEN", "sesame")
            .env("GALAXY_TURN_LIMIT", 4)
            .env("GALAXY_LISTEN_ADDR", format!("127.0.0.1:{}", self.port));
        self.process = Some(Proc::start(config).unwrap());
        eventually(SOON, "it listens", || async { self.call(Method::GET, "/healthz", Value::Null).await.is_ok() })
            .await;
    }

    async fn call(&self, method: Method, path: &str, body: Value) -> reqwest::Result<(u16, String)> {
        let url = format!("http://127.0.0.1:{}{path}", self.port);
        let asked = self.client.request(method, url).bearer_auth("sesame").header("content-type", "application/json");
        let answer = asked.body(if body.is_null() { String::new() } else { body.to_string() }).send().await?;
        Ok((answer.status().as_u16(), answer.text().await?))
    }

    async fn init(&self) -> reqwest::Result<(u16, String)> {
        let races = json!([{ "race_name": "Ants" }, { "race_name": "Bees" }]);
        self.call(Method::POST, "/api/v1/admin/init", json!({ "game_id": GAME, "races": races })).await
    }

    async fn turn(&self, expected: i32) -> reqwest::Result<(u16, String)> {
        self.call(Method::PUT, "/api/v1/admin/turn", json!({ "expected_turn": expected })).await
    }

    async fn status(&self) -> Value {
        serde_json::from_str(&self.call(Method::GET, "/api/v1/admin/status", Value::Null).await.unwrap().1).unwrap()
    }
}

#[tokio::test]
async fn without_a_script_it_keeps_the_contract_and_survives_a_kill_at_any_turn() {
    let mut engine = Engine::new().await;
    assert_eq!(engine.turn(0).await.unwrap().0, 404, "no game yet");
    assert_eq!(engine.init().await.unwrap().0, 200);
    assert_eq!(engine.init().await.unwrap().0, 200, "the same again");
    for turn in 0..3 {
        assert_eq!(engine.turn(turn).await.unwrap().0, 200);
        assert_eq!(engine.turn(turn).await.unwrap().0, 200, "the answer was missed");
        engine.process.as_mut().unwrap().kill9();
        engine.start().await;
        assert_eq!(engine.status().await["turn"], turn + 1);
    }
    assert_eq!(engine.turn(1).await.unwrap().0, 409);
    assert_eq!(engine.call(Method::GET, "/api/v1/report?race_name=Ants&turn=3", Value::Null).await.unwrap().0, 200);
    assert_eq!(engine.turn(3).await.unwrap().0, 200);
    let status = engine.status().await;
    assert_eq!((&status["finished"], &status["winners"]), (&json!(true), &json!(["Ants"])));
    assert_eq!(journal(engine.dir.path()), [1, 2, 3, 4]);
    assert_eq!(seen(engine.dir.path(), Call::Turn).len(), 9);
}

#[tokio::test]
async fn a_script_that_changes_while_it_runs_decides_about_each_call() {
    let mut engine = Engine::new().await;
    engine.init().await.unwrap();
    let busy = Rule { times: Some(2), status: Some(503), ..Rule::on(Call::Turn) };
    let busy = Rule { headers: [("Retry-After".to_owned(), "7".to_owned())].into(), ..busy };
    let lying = json!({ "winners": ["a\u{0}b"] }).as_object().cloned();
    let script = Script::of([busy, Rule { merge: lying, ..Rule::on(Call::Status) }]);
    script.write(engine.dir.path()).unwrap();
    assert_eq!((engine.turn(0).await.unwrap().0, engine.turn(0).await.unwrap().0), (503, 503));
    assert_eq!(engine.status().await["winners"], json!(["a\u{0}b"]));
    assert!(journal(engine.dir.path()).is_empty());
    assert_eq!(engine.turn(0).await.unwrap().0, 200, "the third is answered");

    for rule in [
        Rule { close: true, ..Rule::on(Call::Turn) },
        Rule { raw: Some("HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n{".to_owned()), ..Rule::on(Call::Turn) },
        Rule { cut: Some(30), effect: Some(false), ..Rule::on(Call::Turn) },
    ] {
        Script::of([rule.clone()]).write(engine.dir.path()).unwrap();
        assert!(engine.turn(1).await.is_err(), "{rule:?}");
    }
    assert_eq!(journal(engine.dir.path()), [1]);

    // It generates, dies before it answers, and counts on where it was.
    let dying = Rule { die: Some(Die::After), times: Some(1), ..Rule::on(Call::Turn) };
    Script::of([dying]).write(engine.dir.path()).unwrap();
    assert!(engine.turn(1).await.is_err());
    engine.process.as_mut().unwrap().wait_exit(SOON).await.unwrap();
    engine.start().await;
    assert_eq!(engine.status().await["turn"], 2);
    assert_eq!(engine.turn(2).await.unwrap().0, 200);
    assert_eq!(journal(engine.dir.path()), [1, 2, 3]);
}
