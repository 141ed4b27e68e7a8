//! What an engine printed last: most failures explain themselves there.

use shared::domain::excerpt::ending;
use shared::ids::GameId;

use super::Engines;

/// As much of it as stands beside an error.
const WORDS: usize = 400;

impl Engines {
    /// What the game's engine printed last, as the end of a sentence about its failure; nothing where it printed nothing, or its log
    /// cannot be read. It is the author's text: cut to one line of bounded length.
    pub async fn words(&self, game_id: GameId) -> String {
        let words = self.driver.last_words(game_id).await;
        let words = words.map(|words| ending(&words, WORDS)).unwrap_or_default();
        if words.is_empty() { words } else { format!("; it said: {words}") }
    }
}
