//! A running game with two members, whose engine takes calls: it answers none, or each at once.

use anyhow::{Context as _, Result, ensure};
use reqwest::RequestBuilder;
use serde_json::{Value, json};
use shared::clock::Clock;
use shared::db::accounts::NewAccount;
use shared::ids::UserId;
use testkit::TestDb;
use testkit::stack::ENGINE_IMAGE;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{JoinHandle, JoinSet};

use crate::replica::{ADMIN, GATEWAY_TOKEN};

const VERSION: &str = "1.0.0";

/// What the engine does with a call.
#[derive(Debug, Clone, Copy)]
pub enum Engine {
    /// It never answers.
    Asleep,
    /// It answers `{}` at once.
    Quick,
}

/// See the module; the engine ends when it is dropped.
pub struct Game {
    /// The game's id.
    pub id: String,
    /// The ids of its members.
    pub members: [String; 2],
    engine: JoinHandle<()>,
}

impl Drop for Game {
    fn drop(&mut self) {
        self.engine.abort();
    }
}

impl Game {
    /// Makes it by the API at `base` (`…/api/v1`), which works on `db`.
    ///
    /// # Errors
    /// When the API refuses a step of it.
    pub async fn start(db: &TestDb, base: &str, engine: Engine) -> Result<Self> {
        let http = reqwest::Client::builder().no_proxy().build()?;
        let admin = |path: &str| http.post(format!("{base}/admin{path}")).basic_auth(ADMIN.0, Some(ADMIN.1));
        let version = json!({ "version": VERSION, "image": ENGINE_IMAGE });
        answer(admin("/engine-versions"), Some(version)).await?;
        let ends = (Clock::system().now() + std::time::Duration::from_secs(86_400)).to_rfc3339();
        let game = json!({
            "name": "Orion", "min_players": 2, "max_players": 4, "enrollment_ends_at": ends,
            "turn_schedule": "@every 1h", "target_engine_version": VERSION,
        });
        let id = text(&answer(admin("/games"), Some(game)).await?, "game_id")?;
        answer(admin(&format!("/games/{id}/open-enrollment")), None).await?;
        let members = [UserId::new(), UserId::new()];
        for (member, race) in members.iter().zip(["Zerg", "Protoss"]) {
            let mut conn = db.pool().acquire().await?;
            let account = NewAccount {
                user_id: *member,
                user_name: &format!("{race}-player"),
                display_name: None,
                preferred_language: "en",
                time_zone: "UTC",
                declared_country: None,
            };
            shared::db::accounts::insert(&mut conn, &account, None).await?;
            let apply = http
                .post(format!("{base}/user/lobby/games/{id}/applications"))
                .bearer_auth(GATEWAY_TOKEN)
                .header("x-user-id", member.to_string());
            let applied = text(&answer(apply, Some(json!({ "race_name": race }))).await?, "application_id")?;
            answer(admin(&format!("/games/{id}/applications/{applied}/approve")), None).await?;
        }
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let endpoint = format!("http://{}", listener.local_addr()?);
        let engine = tokio::spawn(serve(listener, engine));
        // What the runtime's controller does where there is one.
        sqlx::query(
            "INSERT INTO runtime_records (game_id, status, driver, daemon_id, engine_version, image, engine_token, endpoint)
             VALUES ($1::uuid, 'running', 'process', 'd', $2, 'i', 'engine-token', $3)",
        )
        .bind(&id)
        .bind(VERSION)
        .bind(endpoint)
        .execute(&db.pool())
        .await?;
        sqlx::query("UPDATE games SET status = 'running', started_at = now() WHERE game_id = $1::uuid")
            .bind(&id)
            .execute(&db.pool())
            .await?;
        Ok(Self { id, members: members.map(|member| member.to_string()), engine })
    }
}

async fn serve(listener: TcpListener, engine: Engine) {
    let mut calls = JoinSet::new();
    while let Ok((call, _)) = listener.accept().await {
        calls.spawn(async move {
            match engine {
                Engine::Asleep => std::future::pending().await,
                Engine::Quick => answer_all(BufReader::new(call)).await,
            }
        });
    }
}

/// Answers call after call, until the caller hangs up.
async fn answer_all(mut call: BufReader<TcpStream>) -> std::io::Result<()> {
    let mut line = String::new();
    loop {
        let mut length = 0;
        loop {
            line.clear();
            if call.read_line(&mut line).await? == 0 {
                return Ok(());
            }
            match line.trim_end().to_ascii_lowercase().split_once(": ") {
                Some(("content-length", value)) => length = value.parse().unwrap_or(0),
                Some(_) => {}
                None if line.trim_end().is_empty() => break,
                None => {}
            }
        }
        tokio::io::copy(&mut (&mut call).take(length), &mut tokio::io::sink()).await?;
        let answer = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 2\r\n\r\n{}";
        call.get_mut().write_all(answer).await?;
    }
}

async fn answer(request: RequestBuilder, body: Option<Value>) -> Result<Value> {
    let request = match body {
        Some(body) => request.header("content-type", "application/json").body(body.to_string()),
        None => request,
    };
    let answer = request.send().await?;
    let (status, text) = (answer.status(), answer.text().await?);
    ensure!(status.is_success(), "answered {status}: {text}");
    Ok(serde_json::from_str(&text).unwrap_or_default())
}

fn text(value: &Value, member: &str) -> Result<String> {
    value.get(member).and_then(Value::as_str).map(str::to_owned).with_context(|| format!("no {member} in {value}"))
}
