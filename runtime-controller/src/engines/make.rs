//! Making and starting a container where the world moves meanwhile: an image that is removed between its pull and its use, a
//! network that was made anew.

use shared::db::runtime;
use shared::ids::GameId;

use super::Engines;
use crate::driver::{DriverError, EngineSpec, Silent};

impl Engines {
    /// Makes the container. An image that is gone, or was never met, is fetched as the pull policy says, and stands in `spec`
    /// then.
    ///
    /// # Errors
    /// [`DriverError`].
    pub async fn make(&self, spec: &mut EngineSpec) -> Result<String, DriverError> {
        if let Some(made) = self.make_of_what_is_there(spec).await? {
            return Ok(made);
        }
        self.fetch_image(spec).await?;
        self.op("create", self.driver.create(spec)).await
    }

    /// As [`make`](Self::make); `None` where the image is to be fetched first.
    pub(super) async fn make_of_what_is_there(&self, spec: &EngineSpec) -> Result<Option<String>, DriverError> {
        match self.op("create", self.driver.create(spec)).await {
            Err(DriverError::Image { reason, .. }) => {
                tracing::info!(game_id = %spec.game_id, reason, "the image is fetched for a container");
                Ok(None)
            }
            made => made.map(Some),
        }
    }

    pub(super) async fn fetch_image(&self, spec: &mut EngineSpec) -> Result<(), DriverError> {
        spec.pinned = self.op("pull", self.driver.fetch(&spec.image, spec.pinned.as_ref(), &Silent)).await?;
        Ok(())
    }

    /// Gives the container that is to be made a token of its own (SPEC §8). It is written down first: a crash in between leaves a
    /// token that no container has.
    pub(super) async fn renew_token(&self, spec: &mut EngineSpec) -> Result<(), shared::db::Error> {
        let fresh = self.fresh_token();
        runtime::renew_token(&mut *self.db.acquire().await?, spec.game_id, &fresh).await?;
        spec.token = fresh;
        Ok(())
    }

    /// Starts the container that is there; `false` where that can never be, and it was removed.
    ///
    /// # Errors
    /// [`DriverError`].
    pub async fn started_or_gone(&self, spec: &EngineSpec) -> Result<bool, DriverError> {
        let started = self.start(spec).await;
        self.or_gone(spec.game_id, started).await
    }

    /// What came of a start; `false` as above.
    pub(super) async fn or_gone(&self, game_id: GameId, started: Result<(), DriverError>) -> Result<bool, DriverError> {
        match started {
            Err(DriverError::Gone(why)) => {
                tracing::warn!(%game_id, why, "a container cannot start again: it is made anew");
                self.op("remove", self.driver.remove(game_id)).await?;
                Ok(false)
            }
            started => started.map(|()| true),
        }
    }
}
