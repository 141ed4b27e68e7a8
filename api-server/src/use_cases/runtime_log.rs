//! What an engine printed last, read by the controller of its daemon: the API has no Docker.

use std::time::Duration;

use serde::Deserialize;
use serde_json::json;
use shared::db;
use shared::db::runtime::seen;
use shared::domain::runtime::QuestionKind;
use shared::ids::GameId;

use super::ask;
use super::runtimes::not_found;
use crate::app::App;
use crate::refusal::{ErrorCode, Problem};

/// Longer than a controller waits for its daemon when it reads a log.
const PATIENCE: Duration = Duration::from_secs(12);

/// What a controller answers: no lines at all where there is no container.
#[derive(Deserialize)]
struct Told {
    lines: Option<Vec<String>>,
}

/// The last `tail` lines, the oldest first.
///
/// # Errors
/// `runtime_not_found`; `game_state_conflict` where there is no container any more; `unavailable` where no controller answers.
pub async fn read(app: &App, game_id: GameId, tail: u16) -> Result<Vec<String>, Problem> {
    let (record, served) = {
        let mut conn = app.db.acquire().await?;
        let record = db::runtime::record(&mut conn, game_id).await?.ok_or_else(not_found)?;
        let served = seen::is_served(&mut conn, &record.daemon_id).await?;
        (record, served)
    };
    // Nobody is waited for who is not there.
    if !served {
        let detail = format!("No live controller serves {}, which has this game's container.", record.daemon_id);
        return Err(Problem::new(ErrorCode::Unavailable, detail).retry_after(Duration::from_secs(30)));
    }
    let asked = json!({ "tail": tail });
    let told: Told = ask::controller(app, &record.daemon_id, QuestionKind::Log, Some(game_id), asked, PATIENCE).await?;
    told.lines.ok_or_else(|| {
        let detail = format!("The runtime is {}: its container is gone, and what it printed with it.", record.status);
        Problem::new(ErrorCode::GameStateConflict, detail)
    })
}
