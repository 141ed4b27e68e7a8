//! A running game with two members, whose engine takes calls and answers none.

use anyhow::{Context as _, Result, ensure};
use reqwest::RequestBuilder;
use serde_json::{Value, json};
use shared::clock::Clock;
use shared::ids::UserId;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use crate::replica::{ADMIN, GATEWAY_TOKEN, Replica};

const VERSION: &str = "1.0.0";

/// See the module; the engine ends when it is dropped.
pub struct Asleep {
    /// The game's id.
    pub game: String,
    /// The ids of its members.
    pub members: [String; 2],
    engine: JoinHandle<()>,
}

impl Drop for Asleep {
    fn drop(&mut self) {
        self.engine.abort();
    }
}

/// Makes it.
///
/// # Errors
/// When the replica refuses a step of it.
pub async fn start(replica: &Replica) -> Result<Asleep> {
    let http = reqwest::Client::builder().no_proxy().build()?;
    let admin = |path: &str| http.post(replica.url(&format!("/admin{path}"))).basic_auth(ADMIN.0, Some(ADMIN.1));
    let version = json!({ "version": VERSION, "image": "galaxy-engine:1.0.0" });
    answer(admin("/engine-versions"), Some(version)).await?;
    let ends = (Clock::system().now() + std::time::Duration::from_secs(86_400)).to_rfc3339();
    let game = json!({
        "name": "Orion", "min_players": 2, "max_players": 4, "enrollment_ends_at": ends,
        "turn_schedule": "@every 1h", "target_engine_version": VERSION,
    });
    let game = text(&answer(admin("/games"), Some(game)).await?, "game_id")?;
    answer(admin(&format!("/games/{game}/open-enrollment")), None).await?;
    let members = [UserId::new(), UserId::new()];
    for (member, race) in members.iter().zip(["Zerg", "Protoss"]) {
        let mut conn = replica.db.pool().acquire().await?;
        shared::db::accounts::insert(&mut conn, *member, &format!("{race}-player"), "en", "UTC", None).await?;
        let apply = http
            .post(replica.url(&format!("/user/lobby/games/{game}/applications")))
            .bearer_auth(GATEWAY_TOKEN)
            .header("x-user-id", member.to_string());
        let applied = text(&answer(apply, Some(json!({ "race_name": race }))).await?, "application_id")?;
        answer(admin(&format!("/games/{game}/applications/{applied}/approve")), None).await?;
    }
    let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
    let endpoint = format!("http://{}", listener.local_addr()?);
    let engine = tokio::spawn(async move {
        let mut calls = Vec::new();
        while let Ok((call, _)) = listener.accept().await {
            calls.push(call);
        }
    });
    // What the runtime's controller does where there is one.
    sqlx::query(
        "INSERT INTO runtime_records (game_id, status, driver, daemon_id, engine_version, image, engine_token, endpoint)
         VALUES ($1::uuid, 'running', 'process', 'd', $2, 'i', 'engine-token', $3)",
    )
    .bind(&game)
    .bind(VERSION)
    .bind(endpoint)
    .execute(&replica.db.pool())
    .await?;
    sqlx::query("UPDATE games SET status = 'running', started_at = now() WHERE game_id = $1::uuid")
        .bind(&game)
        .execute(&replica.db.pool())
        .await?;
    Ok(Asleep { game, members: members.map(|member| member.to_string()), engine })
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
