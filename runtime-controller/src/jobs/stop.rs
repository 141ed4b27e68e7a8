//! Stop: the container goes, its state directory stays.

use std::sync::Arc;

use shared::db::{endings, runtime};
use shared::domain::runtime::JobStep;
use shared::ids::GameId;
use shared::queue::{Claim, WorkContext};

use super::error::JobError;
use super::{Jobs, Note};
use crate::driver::DriverError;
use crate::outcome::JobResult;
use crate::schedule::Turns;

impl Jobs {
    pub(super) async fn stop(&self, cx: &WorkContext, claim: &Claim, game_id: GameId) -> Result<Note, JobError> {
        let status = self.step(cx, claim, game_id, JobStep::Remove).await?;
        if matches!(status.as_str(), "running" | "starting") {
            return Err(JobError::Refused(format!("the game is {status}: its engine is needed")));
        }
        let engines = &self.engines;
        // No other turn begins once the game does not run: the one under way is let end, and counts.
        if runtime::is_generating(&mut *engines.db.acquire().await?, game_id).await? {
            return Err(JobError::Busy);
        }
        if endings::was_ended(&mut *engines.db.acquire().await?, game_id).await? {
            let turns = Turns {
                engines: Arc::clone(engines),
                outcomes: self.outcomes.clone(),
                waker: self.waker.clone(),
                max_attempts: self.max_attempts,
            };
            if let Err(error) = turns.keep_last_reports(cx, claim, game_id).await {
                tracing::warn!(%game_id, %error, "a game was ended without all of its reports");
            }
        }
        match engines.op("remove", engines.driver.remove(game_id)).await {
            Ok(()) => Ok(Note { result: Some(JobResult::Stopped), detail: None }),
            Err(error @ DriverError::Unavailable(_)) => Err(JobError::Away(error.to_string())),
            Err(error @ DriverError::Config(_)) => Err(JobError::Refused(error.to_string())),
            Err(error) => Err(JobError::Passing(error.to_string())),
        }
    }
}
