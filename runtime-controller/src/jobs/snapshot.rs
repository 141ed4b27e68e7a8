//! A patch may be undone (SPEC §9): the state is copied before the new engine touches it, and put back with the former image.

use serde_json::{Value, json};
use shared::db::runtime;
use shared::domain::runtime::JobStep;
use shared::ids::GameId;
use shared::queue::{Claim, WorkContext};
use shared::secret::Secret;

use super::Jobs;
use super::error::JobError;
use crate::driver::DriverError;

impl Jobs {
    /// Whether there is room for the copy: asked while the former engine still runs.
    pub(super) async fn copy_fits(&self, image: &str, game_id: GameId) -> Result<(), JobError> {
        let snapshots = self.engines.driver.snapshots();
        snapshots.fits(game_id).await.map_err(|error| JobError::driver(image, error))
    }

    /// Copies the state that the former engine left. Its container is gone; should somebody have brought it back in the moment before
    /// the job was there to be seen, the copy is not trusted, and the next attempt begins with removing it again.
    pub(super) async fn copy_state(
        &self,
        cx: &WorkContext,
        claim: &Claim,
        image: &str,
        game_id: GameId,
    ) -> Result<(), JobError> {
        self.step(cx, claim, game_id, JobStep::Snapshot).await?;
        let engines = &self.engines;
        let (snapshots, name) = (engines.driver.snapshots(), claim.id.to_string());
        let taken = async {
            self.rests(image, game_id).await?;
            let taken = engines.op("snapshot", snapshots.take(game_id, &name)).await;
            taken.map_err(|error| JobError::driver(image, error))?;
            self.rests(image, game_id).await
        };
        let taken = taken.await;
        if taken.is_err() {
            let dropped =
                async { if snapshots.has_any(game_id).await? { snapshots.drop_all(game_id).await } else { Ok(()) } };
            // Why there is no copy is what people must know; why what there is of it stays is beside it.
            if let Err(error) = dropped.await {
                tracing::warn!(%game_id, %error, "what there is of a copy could not be dropped");
            }
        }
        taken
    }

    async fn rests(&self, image: &str, game_id: GameId) -> Result<(), JobError> {
        let engines = &self.engines;
        let observed = engines.op("inspect", engines.driver.inspect(game_id)).await;
        let observed = observed.map_err(|error| JobError::driver(image, error))?;
        if observed.is_some_and(|observed| observed.running) {
            return Err(JobError::container("the former engine runs again, and its state cannot be copied"));
        }
        Ok(())
    }

    /// Puts back what the former engine left, once: an attempt that finds it done must not do it under the engine that it has started
    /// on it since. Where no copy was made, the new engine never saw the state. Answers the token of the container that is to be made
    /// on it: the release that failed knows the one before. `None` where an earlier attempt has done all this, and recorded it.
    pub(super) async fn restore_state(
        &self,
        cx: &WorkContext,
        claim: &Claim,
        payload: &Value,
        image: &str,
        game_id: GameId,
    ) -> Result<Option<Secret>, JobError> {
        if payload.get("restored").is_some() {
            return Ok(None);
        }
        self.step(cx, claim, game_id, JobStep::Restore).await?;
        let engines = &self.engines;
        let failed = |error| JobError::driver(image, error);
        engines.op("remove", engines.driver.remove(game_id)).await.map_err(failed)?;
        let restored = engines.op("restore", engines.driver.snapshots().restore(game_id, &claim.id.to_string())).await;
        // Without an answer the job waits. What cannot be put back now may be with the next attempt, also where files are in the way.
        let restored = restored.map_err(|error| match error {
            DriverError::Unavailable(_) => failed(error),
            error => JobError::container(error.to_string()),
        })?;
        let token = engines.fresh_token();
        let mut tx = engines.db.begin().await?;
        cx.hold(&mut tx, claim).await?;
        runtime::job_note(&mut tx, claim.id, &json!({ "restored": restored, "made": null })).await?;
        runtime::renew_token(&mut tx, game_id, &token).await?;
        if restored {
            runtime::record_operation(&mut tx, game_id, Some(claim.id), JobStep::Restore.as_str(), "ok", None).await?;
        }
        tx.commit().await?;
        Ok(Some(token))
    }
}
