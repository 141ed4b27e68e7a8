//! Starts the real engine and talks to it.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use galaxy_engine_check::own_address;
use reqwest::{Client, Method, StatusCode};
use serde_json::{Value, json};

pub const TOKEN: &str = "test-token-1";
pub const GAME: &str = "0192f0c1-7b1e-7000-8000-000000000001";
const DEADLINE: Duration = Duration::from_secs(90);

pub struct Engine {
    pub child: Child,
    pub addr: SocketAddr,
    client: Client,
}

pub fn command(state: &Path, addr: SocketAddr) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_galaxy-engine"));
    command
        .env_clear()
        .env("GALAXY_GAME_ID", GAME)
        .env("GALAXY_STATE_DIR", state)
        .env("GALAXY_ENGINE_TOKEN", TOKEN)
        .env("GALAXY_LISTEN_ADDR", addr.to_string())
        .stderr(Stdio::null());
    command
}

impl Engine {
    pub async fn start(state: &Path) -> Self {
        Self::start_with(state, &[]).await
    }

    pub async fn start_with(state: &Path, env: &[(&str, &str)]) -> Self {
        let client = Client::builder().no_proxy().timeout(DEADLINE).build().unwrap();
        let addr = own_address().unwrap();
        let child = command(state, addr).envs(env.iter().copied()).spawn().unwrap();
        let mut engine = Self { child, addr, client };
        let deadline = Instant::now() + DEADLINE;
        while !engine.client.get(engine.url("/healthz")).send().await.is_ok_and(|answer| answer.status().is_success()) {
            assert_eq!(engine.child.try_wait().unwrap(), None, "the engine ended");
            assert!(Instant::now() < deadline, "the engine does not answer");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        engine
    }

    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.addr)
    }

    pub fn request(&self, method: &str, path: &str) -> reqwest::RequestBuilder {
        self.client.request(Method::from_bytes(method.as_bytes()).unwrap(), self.url(path)).bearer_auth(TOKEN)
    }

    pub async fn call(&self, method: &str, path: &str, body: &Value) -> (StatusCode, Value) {
        self.try_call(method, path, body).await.unwrap()
    }

    pub async fn try_call(&self, method: &str, path: &str, body: &Value) -> reqwest::Result<(StatusCode, Value)> {
        let answer = self.request(method, path).json(body).send().await?;
        Ok((answer.status(), answer.json().await?))
    }

    pub async fn get(&self, path: &str) -> (StatusCode, Value) {
        let answer = self.request("GET", path).send().await.unwrap();
        (answer.status(), answer.json().await.unwrap())
    }

    pub async fn init(&self, races: &[&str]) -> (StatusCode, Value) {
        let races: Vec<Value> = races.iter().map(|race_name| json!({"race_name": race_name})).collect();
        self.call("POST", "/api/v1/admin/init", &json!({"game_id": GAME, "races": races})).await
    }

    pub async fn status(&self) -> Value {
        let (status, body) = self.get("/api/v1/admin/status").await;
        assert_eq!(status, 200, "{body}");
        body
    }

    pub async fn close(&self, expected_turn: u64) -> reqwest::Result<(StatusCode, Value)> {
        self.try_call("PUT", "/api/v1/admin/turn", &json!({"expected_turn": expected_turn})).await
    }

    /// `kill -9`.
    pub fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Waits for the process to end by itself.
    pub async fn ended(&mut self, within: Duration) -> std::process::ExitStatus {
        let deadline = Instant::now() + within;
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status;
            }
            assert!(Instant::now() < deadline, "the engine does not end");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

pub fn state_dir() -> (tempfile::TempDir, PathBuf) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("state");
    (dir, path)
}
