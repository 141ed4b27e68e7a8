//! Before a finished game's container goes, its reports are kept: every race's, every turn's (SPEC §9).

use std::collections::HashSet;

use shared::db::runtime;
use shared::engine_client::{EngineError, EngineStatus, EngineTarget};
use shared::ids::GameId;
use shared::queue::{Claim, WorkContext};

use super::Turns;
use super::tick::TickError;

/// Reports written in one transaction.
const CHUNK: usize = 32;

impl Turns {
    /// Fetches and keeps what is not kept yet: an attempt after a crash goes on where the last one was.
    pub(super) async fn keep_reports(
        &self,
        cx: &WorkContext,
        claim: &Claim,
        game_id: GameId,
        target: &EngineTarget,
        status: &EngineStatus,
    ) -> Result<(), TickError> {
        for race in &status.races {
            let kept = runtime::kept_turns(&mut *self.engines.db.acquire().await?, game_id, &race.race_name).await?;
            let kept: HashSet<i32> = kept.into_iter().collect();
            let missing: Vec<i32> = (0..=status.turn).filter(|turn| !kept.contains(turn)).collect();
            for turns in missing.chunks(CHUNK) {
                self.keep_chunk(cx, claim, game_id, target, &race.race_name, turns).await?;
            }
        }
        Ok(())
    }

    async fn keep_chunk(
        &self,
        cx: &WorkContext,
        claim: &Claim,
        game_id: GameId,
        target: &EngineTarget,
        race_name: &str,
        turns: &[i32],
    ) -> Result<(), TickError> {
        let mut fetched = Vec::with_capacity(turns.len());
        for turn in turns {
            match self.engines.client.report(target, race_name, *turn).await {
                Ok(report) => fetched.push((*turn, report)),
                // A race that came late or fell early has no report of that turn.
                Err(EngineError::Problem { status: 404, .. }) => {}
                Err(error) => return Err(error.into()),
            }
        }
        let mut tx = self.engines.db.begin().await?;
        cx.hold(&mut tx, claim).await?;
        for (turn, report) in fetched {
            runtime::keep_report(&mut tx, game_id, race_name, turn, &report).await?;
        }
        tx.commit().await?;
        Ok(())
    }
}
