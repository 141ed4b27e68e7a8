//! The reports of a game that was ended before its engine ended it.

use shared::db::{games, runtime};
use shared::ids::GameId;
use shared::queue::{Claim, WorkContext};

use super::tick::{Own, TickError};
use crate::engines::Engines;

impl Engines {
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
        self.keep_what_is_there(cx, claim, game_id).await.map_err(|error| error.to_string())
    }

    async fn keep_what_is_there(&self, cx: &WorkContext, claim: &Claim, game_id: GameId) -> Result<(), TickError> {
        let (target, races) = {
            let mut conn = self.db.acquire().await?;
            (runtime::target(&mut conn, game_id).await?, games::engine_races(&mut conn, game_id).await?)
        };
        let Some(target) = target else { return Ok(()) };
        let own = Own { game_id, races: &races };
        let status = own.check(self.client.status(&target).await?)?;
        self.keep_reports(cx, claim, own, &target, status.turn, true).await
    }
}
