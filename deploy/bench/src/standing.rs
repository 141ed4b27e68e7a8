//! A daemon on which every engine stands where its record says, for ever: what is measured is the scheduler alone.

use std::path::PathBuf;

use async_trait::async_trait;
use futures::stream::BoxStream;
use runtime_controller::driver::{
    Copies, Doing, Driver, DriverError, EngineSpec, Listed, Observed, Progress, Snapshots,
};
use shared::db::runtime::PinnedImage;
use shared::ids::GameId;

/// The daemon.
pub struct Standing {
    /// The id by which the records of games name it.
    pub daemon_id: &'static str,
    /// Its engines, with the address of each.
    pub engines: Vec<(GameId, String)>,
}

/// What the records of the bench say too.
pub const CONTAINER: &str = "bench";

#[async_trait]
impl Driver for Standing {
    fn name(&self) -> &'static str {
        "process"
    }

    fn fingerprint(&self, _: &EngineSpec) -> String {
        String::new()
    }

    async fn daemon_id(&self) -> Result<String, DriverError> {
        Ok(self.daemon_id.to_owned())
    }

    async fn fetch(
        &self,
        _: &str,
        _: Option<&PinnedImage>,
        _: &dyn Progress,
    ) -> Result<Option<PinnedImage>, DriverError> {
        Ok(None)
    }

    async fn inspect(&self, game_id: GameId) -> Result<Option<Observed>, DriverError> {
        let found = self.engines.iter().find(|(id, _)| *id == game_id);
        Ok(found.map(|(_, endpoint)| Observed {
            container_id: CONTAINER.to_owned(),
            running: true,
            endpoint: Some(endpoint.clone()),
            fingerprint: String::new(),
            ended: None,
        }))
    }

    async fn create(&self, _: &EngineSpec) -> Result<String, DriverError> {
        Ok(CONTAINER.to_owned())
    }

    async fn start(&self, _: &EngineSpec) -> Result<(), DriverError> {
        Ok(())
    }

    async fn remove(&self, _: GameId) -> Result<(), DriverError> {
        Ok(())
    }

    async fn list(&self) -> Result<Vec<Listed>, DriverError> {
        let listed = |(game_id, endpoint): &(GameId, String)| Listed {
            game_id: *game_id,
            container_id: CONTAINER.to_owned(),
            doing: Doing::Runs,
            endpoint: Some(endpoint.clone()),
            said: "running".to_owned(),
            stray: false,
        };
        Ok(self.engines.iter().map(listed).collect())
    }

    async fn changes(
        &self,
        _: Option<i64>,
    ) -> Result<Option<BoxStream<'static, Result<i64, DriverError>>>, DriverError> {
        Ok(None)
    }

    fn addresses_move(&self) -> bool {
        false
    }

    async fn log(&self, _: GameId, _: usize) -> Result<Option<Vec<String>>, DriverError> {
        Ok(None)
    }

    fn snapshots(&self) -> Box<dyn Copies> {
        Box::new(Snapshots::new(PathBuf::new()))
    }
}
