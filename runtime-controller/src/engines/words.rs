//! What an engine printed last: most failures explain themselves there.

use std::time::Duration;

use serde_json::{Value, json};
use shared::domain::excerpt::ending;
use shared::ids::GameId;

use super::Engines;

/// As much of it as stands beside an error.
const WORDS: usize = 400;
/// Lines that are shown where nobody says how many, and the most that are.
const LINES: u64 = 100;
const MOST_LINES: u64 = 1_000;
/// A daemon that takes longer is away, as far as who asks is concerned.
const PATIENCE: Duration = Duration::from_secs(8);

impl Engines {
    /// What the game's engine printed last, as the end of a sentence about its failure; nothing where it printed nothing, or its log
    /// cannot be read. It is the author's text: cut to one line of bounded length.
    pub async fn words(&self, game_id: GameId) -> String {
        let words = self.driver.last_words(game_id).await;
        let words = words.map(|words| ending(&words, WORDS)).unwrap_or_default();
        if words.is_empty() { words } else { format!("; it said: {words}") }
    }

    /// As [`words`](Self::words), of an engine that is gone: before them, of what its container ended, where it does not run.
    pub async fn end(&self, game_id: GameId) -> String {
        let observed = tokio::time::timeout(PATIENCE, self.driver.inspect(game_id)).await;
        let ended = observed.ok().and_then(Result::ok).flatten().and_then(|observed| observed.ended);
        let ended = ended.map(|ended| format!("; it ended: {ended}")).unwrap_or_default();
        ended + &self.words(game_id).await
    }

    /// What the API answers on `GET /admin/runtimes/{game_id}/log`: `{"lines": […]}` for `{"tail": 1 to 1000}`, the oldest first; `null` in
    /// place of the lines where there is no container that printed any.
    ///
    /// # Errors
    /// Why the driver cannot tell.
    pub async fn log(&self, game_id: GameId, asked: &Value) -> Result<Value, String> {
        let tail = asked.get("tail").and_then(Value::as_u64).unwrap_or(LINES).clamp(1, MOST_LINES);
        let lines = self.driver.log(game_id, usize::try_from(tail).unwrap_or(usize::MAX));
        match tokio::time::timeout(PATIENCE, self.op("log", lines)).await {
            Ok(Ok(lines)) => Ok(json!({ "lines": lines })),
            Ok(Err(error)) => Err(error.to_string()),
            Err(_) => Err("the daemon does not answer in time".to_owned()),
        }
    }
}
