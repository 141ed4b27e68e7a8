//! Making and starting a container where the world moves meanwhile: an image that is removed between its pull and its use, a
//! network that was made anew.

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
        match self.op("create", self.driver.create(spec)).await {
            Err(DriverError::Image { reason, .. }) => {
                tracing::info!(game_id = %spec.game_id, reason, "the image is fetched for a container");
            }
            made => return made,
        }
        spec.pinned = self.op("pull", self.driver.fetch(&spec.image, spec.pinned.as_ref(), &Silent)).await?;
        self.op("create", self.driver.create(spec)).await
    }

    /// Starts the container that was just made and has never run; one that cannot start is made anew once.
    ///
    /// # Errors
    /// [`DriverError`].
    pub async fn start_made(&self, spec: &mut EngineSpec) -> Result<(), DriverError> {
        if self.started_or_gone(spec).await? {
            return Ok(());
        }
        self.make(spec).await?;
        self.start(spec).await
    }

    /// Starts the container that is there; `false` where that can never be, and it was removed.
    ///
    /// # Errors
    /// [`DriverError`].
    pub async fn started_or_gone(&self, spec: &EngineSpec) -> Result<bool, DriverError> {
        let game_id: GameId = spec.game_id;
        match self.start(spec).await {
            Err(DriverError::Gone(why)) => {
                tracing::warn!(%game_id, why, "a container cannot start again: it is made anew");
                self.op("remove", self.driver.remove(game_id)).await?;
                Ok(false)
            }
            started => started.map(|()| true),
        }
    }
}
