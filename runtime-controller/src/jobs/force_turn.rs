//! Force-next-turn: the timer is due now, and the scheduled turn after it is skipped.

use shared::db::runtime::{self, Forced};
use shared::domain::runtime::JobStep;
use shared::ids::GameId;
use shared::queue::{Claim, WorkContext};

use super::error::JobError;
use super::{Jobs, Note};

impl Jobs {
    /// `step` is what an earlier attempt had reached: a turn that was forced before a crash is not forced twice.
    pub(super) async fn force_turn(
        &self,
        cx: &WorkContext,
        claim: &Claim,
        game_id: GameId,
        step: Option<&str>,
    ) -> Result<Note, JobError> {
        if step == Some(JobStep::Forced.as_str()) {
            return Ok(Note { result: None, detail: None });
        }
        self.step(cx, claim, game_id, JobStep::Timer).await?;
        let mut tx = self.engines.db.begin().await?;
        cx.hold(&mut tx, claim).await?;
        match runtime::force_turn(&mut tx, game_id).await? {
            Forced::Due => {}
            Forced::Busy => return Err(JobError::Busy),
            Forced::Resting => return Err(JobError::Refused("the game's timer rests: it does not run".to_owned())),
        }
        runtime::job_step(&mut tx, claim.id, JobStep::Forced, &self.engines.daemon_id).await?;
        tx.commit().await?;
        Ok(Note { result: None, detail: None })
    }
}
