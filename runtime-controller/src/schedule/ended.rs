//! The reports of a game that was ended before its engine ended it.

use shared::db::runtime;
use shared::ids::GameId;
use shared::queue::{Claim, WorkContext};

use super::Turns;

impl Turns {
    /// Keeps the reports that the engine still has, before its container goes: whatever it answers, for as far as it answers. An
    /// engine that is away keeps them to itself.
    ///
    /// # Errors
    /// In words, why some are not kept.
    pub(crate) async fn keep_last_reports(
        &self,
        cx: &WorkContext,
        claim: &Claim,
        game_id: GameId,
    ) -> Result<(), String> {
        let found = runtime::target(&mut *self.engines.db.acquire().await.map_err(|e| e.to_string())?, game_id).await;
        let Some(target) = found.map_err(|error| error.to_string())? else { return Ok(()) };
        let status = self.engines.client.status(&target).await.map_err(|error| error.to_string())?;
        if status.game_id != game_id {
            return Err(format!("the engine has another game, {}", status.game_id));
        }
        self.keep_reports(cx, claim, game_id, &target, &status).await.map_err(|error| error.to_string())
    }
}
