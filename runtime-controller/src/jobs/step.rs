//! Steps: written down before their effect, in a transaction that proves that the job is still ours.

use shared::db::{games, runtime};
use shared::domain::game::GameStatus;
use shared::domain::runtime::JobStep;
use shared::ids::GameId;
use shared::queue::{Claim, WorkContext};

use super::Jobs;
use super::error::JobError;

impl Jobs {
    /// Begins a step; answers the game's status as it is now.
    pub(super) async fn step(
        &self,
        cx: &WorkContext,
        claim: &Claim,
        game_id: GameId,
        step: JobStep,
    ) -> Result<GameStatus, JobError> {
        let mut tx = self.engines.db.begin().await?;
        cx.hold(&mut tx, claim).await?;
        runtime::job_step(&mut tx, claim.id, step, &self.engines.daemon_id).await?;
        if step == JobStep::Create {
            // From here on something of the game may exist at the daemon: the log says so before it does.
            runtime::record_operation(&mut tx, game_id, Some(claim.id), step.as_str(), "begun", None).await?;
        }
        let status = games::status(&mut tx, game_id).await?;
        tx.commit().await?;
        tracing::info!(%game_id, job_id = %claim.id, %step, "step");
        status.ok_or_else(|| JobError::Refused("there is no such game".to_owned()))
    }
}
