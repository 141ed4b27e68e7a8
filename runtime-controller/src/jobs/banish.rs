//! Banish: a race is removed in the running engine. The engine answers a second time as it did the first.

use serde_json::Value;
use shared::db::runtime;
use shared::domain::runtime::JobStep;
use shared::engine_client::EngineError;
use shared::ids::GameId;
use shared::queue::{Claim, WorkContext};

use super::error::JobError;
use super::{Jobs, Note};
use crate::engines::ReviveError;
use crate::outcome::JobResult;

impl Jobs {
    pub(super) async fn banish(
        &self,
        cx: &WorkContext,
        claim: &Claim,
        game_id: GameId,
        payload: &Value,
    ) -> Result<Note, JobError> {
        let race = payload.get("race_name").and_then(Value::as_str);
        let race = race.ok_or_else(|| JobError::Refused("the payload names no race".to_owned()))?;
        self.step(cx, claim, game_id, JobStep::Banish).await?;
        let engines = &self.engines;
        let target = runtime::target(&mut *engines.db.acquire().await?, game_id).await?;
        let Some(target) = target else {
            return Ok(Note { result: None, detail: Some(format!("{race}: the game has no engine")) });
        };
        let mut done = engines.client.banish(&target, race).await;
        if done.as_ref().is_err_and(EngineError::is_elsewhere) {
            let revived = match engines.revive(game_id).await {
                Ok(target) => target,
                // Paused, and its engine is gone with it: it is told when it is back. What is owed stays owed.
                Err(ReviveError::NotWanted) => {
                    return Ok(Note { result: None, detail: Some(format!("{race}: the engine is away")) });
                }
                Err(error) => return Err(error.into()),
            };
            done = engines.client.banish(&revived, race).await;
        }
        let banished =
            |detail| Note { result: Some(JobResult::Banished { race_name: race.to_owned() }), detail: Some(detail) };
        match done {
            Ok(()) => Ok(banished(race.to_owned())),
            // It never heard of the race, which is as good as banished.
            Err(EngineError::Problem { status: 404, .. }) => Ok(banished(format!("{race}: unknown to the engine"))),
            Err(error) => Err(JobError::call(&error, &engines.words(game_id).await)),
        }
    }
}
