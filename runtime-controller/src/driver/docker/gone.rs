//! A start that is refused because something that the container was made with is gone. The daemon says it in many ways, so its
//! words are not asked: the world is looked at.

use shared::ids::GameId;

use super::super::DriverError;
use super::error::is_status;
use super::{DockerDriver, state_dir, whole};

impl DockerDriver {
    /// The error of a start, or what is gone that explains it.
    pub(super) async fn gone_or(&self, game_id: GameId, error: DriverError) -> DriverError {
        let DriverError::Failed(said) = &error else { return error };
        match self.what_is_gone(game_id).await {
            Ok(Some(what)) => DriverError::Gone(format!("{what}: {said}")),
            Ok(None) => error,
            Err(away) => away,
        }
    }

    async fn what_is_gone(&self, game_id: GameId) -> Result<Option<&'static str>, DriverError> {
        let Some(found) = self.inspect_raw(game_id).await? else { return Ok(Some("its container is gone")) };
        let state_dir = state_dir::path(&self.state_root, game_id);
        if !tokio::fs::symlink_metadata(&state_dir).await.is_ok_and(|meta| meta.is_dir()) {
            return Ok(Some("its state directory is gone"));
        }
        // A container remembers its network by id; one that was made anew under the same name has another.
        let networks = found.network_settings.and_then(|settings| settings.networks).unwrap_or_default();
        let its = networks.get(&self.config.network).and_then(|endpoint| endpoint.network_id.clone());
        let now = match whole(self.docker().await?.inspect_network(&self.config.network, None)).await {
            Ok(network) => network.id,
            Err(error) if is_status(&error, 404) => None,
            Err(error) => return Err(super::error::other(error)),
        };
        let its = its.filter(|id| !id.is_empty());
        Ok((now.is_none() || (its.is_some() && its != now)).then_some("its network is gone"))
    }
}
