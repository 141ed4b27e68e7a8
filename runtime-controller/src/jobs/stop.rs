//! Stop: the container goes, its state directory stays.

use shared::db::{endings, runtime};
use shared::domain::game::GameStatus;
use shared::domain::runtime::JobStep;
use shared::ids::GameId;
use shared::queue::{Claim, WorkContext};

use super::error::JobError;
use super::{Jobs, Note};
use crate::driver::DriverError;
use crate::outcome::JobResult;
use crate::schedule::LastReports;

impl Jobs {
    pub(super) async fn stop(&self, cx: &WorkContext, claim: &Claim, game_id: GameId) -> Result<Note, JobError> {
        let status = self.step(cx, claim, game_id, JobStep::Remove).await?;
        if matches!(status, GameStatus::Running | GameStatus::Starting) {
            return Err(JobError::Refused(format!("the game is {status}: its engine is needed")));
        }
        let engines = &self.engines;
        // No other turn begins once the game does not run: the one under way is let end, and counts.
        if runtime::is_generating(&mut *engines.db.acquire().await?, game_id).await? {
            return Err(JobError::Busy);
        }
        if endings::was_ended(&mut *engines.db.acquire().await?, game_id).await? {
            match engines.keep_last_reports(cx, claim, game_id, self.is_last_attempt(claim)).await {
                LastReports::Kept => {}
                LastReports::LeftOut(error) => {
                    tracing::warn!(%game_id, error, "a game was ended without all of its reports");
                }
                LastReports::NotNow(reason, after) => return Err(JobError::Later { reason, after }),
                LastReports::PutOff(reason) => return Err(JobError::Away(reason)),
            }
        }
        match engines.op("remove", engines.driver.remove(game_id)).await {
            Ok(()) => {
                // No patch of it is undone any more.
                let snapshots = engines.driver.snapshots();
                if matches!(status, GameStatus::Finished | GameStatus::Cancelled)
                    && let Err(error) = snapshots.drop_all(game_id).await
                {
                    tracing::warn!(%game_id, %error, "the copy of before a patch could not be dropped");
                }
                Ok(Note { result: Some(JobResult::Stopped), detail: None })
            }
            Err(error @ DriverError::Unavailable(_)) => Err(JobError::Away(error.to_string())),
            Err(error @ (DriverError::Config(_) | DriverError::Foreign(_))) => {
                Err(JobError::Refused(error.to_string()))
            }
            Err(error) => Err(JobError::Passing(error.to_string())),
        }
    }
}
