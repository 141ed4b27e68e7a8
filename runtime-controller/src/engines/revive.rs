//! Bringing back an engine whose game runs: on the kept state directory; a container that has to be made anew gets
//! another token. The engine's own turn is the truth about where it stands, so nothing is initialised here.

use shared::db::game_runtime;
use shared::db::runtime::{self, EngineFacts};
use shared::domain::runtime::RuntimeStatus;
use shared::engine_client::EngineTarget;
use shared::ids::GameId;

use super::{Engines, Unhealthy};
use crate::driver::{DriverError, EngineSpec};

/// Why an engine was not brought back.
#[derive(Debug, thiserror::Error)]
pub enum ReviveError {
    /// The game does not run any more, or is another daemon's: its engine is not wanted here.
    #[error("the game does not run here any more")]
    NotWanted,
    /// The driver could not.
    #[error(transparent)]
    Driver(#[from] DriverError),
    /// It came up but does not answer.
    #[error(transparent)]
    Unhealthy(#[from] Unhealthy),
    /// The database did not answer.
    #[error("the database does not answer")]
    Database(#[from] sqlx::Error),
}

impl Engines {
    /// Makes sure that the engine of a running game runs and answers, and answers where. An engine that runs is left
    /// alone, even one that is silent: it may be busy with a turn.
    ///
    /// # Errors
    /// [`ReviveError`].
    pub async fn revive(&self, game_id: GameId) -> Result<EngineTarget, ReviveError> {
        // The watch and a turn may miss the same engine at the same moment: the second finds what the first has made.
        let _alone = self.reviving.enter(game_id).await;
        let facts = runtime::engine_facts(&mut *self.db.acquire().await?, game_id, &self.daemon_id).await?;
        // An engine that is being replaced is the job's to bring back.
        let wanted =
            |facts: &EngineFacts| facts.game_status == "running" && facts.status != RuntimeStatus::Starting.as_str();
        let facts = facts.filter(wanted).ok_or(ReviveError::NotWanted)?;
        let mut spec =
            EngineSpec { game_id, image: facts.image, pinned: facts.pinned.clone(), token: facts.engine_token };
        let observed = self.op("inspect", self.driver.inspect(game_id)).await?;
        let was_running = observed.as_ref().is_some_and(|observed| observed.running);
        if !was_running {
            let why = observed.as_ref().and_then(|observed| observed.ended.clone());
            tracing::warn!(%game_id, why, "an engine is gone while its game runs: bringing it back");
            let mut made = observed.is_some();
            if observed.as_ref().is_some_and(|ended| ended.fingerprint != self.driver.fingerprint(&spec)) {
                // Made with another token or other limits than those that hold: nothing in it is worth keeping.
                self.op("remove", self.driver.remove(game_id)).await?;
                made = false;
            }
            // What it was made with may be gone: its network, its mount.
            if made && !self.started_or_gone(&spec).await? {
                made = false;
            }
            if !made {
                // Every container gets a token of its own (SPEC §8). It is written first: a crash in between leaves a token that
                // no container has.
                let mut conn = self.db.acquire().await?;
                spec.token = self.fresh_token();
                runtime::renew_token(&mut conn, game_id, &spec.token).await?;
                drop(conn);
                self.make(&mut spec).await?;
                self.start_made(&mut spec).await?;
            }
        }
        let observed = match observed.filter(|observed| observed.running) {
            Some(observed) => observed,
            None => self.op("inspect", self.driver.inspect(game_id)).await?.ok_or(ReviveError::NotWanted)?,
        };
        if !was_running && observed.fingerprint != self.driver.fingerprint(&spec) {
            // Another controller made one in the same moment. Which token is recorded is open, so neither is kept: the next look
            // makes one.
            self.op("remove", self.driver.remove(game_id)).await?;
            return Err(Unhealthy::Ended("another controller made a container in the same moment".to_owned()).into());
        }
        let Some(endpoint) = observed.endpoint else {
            return Err(Unhealthy::Ended(observed.ended.unwrap_or_else(|| "it has no address".to_owned())).into());
        };
        if facts.endpoint.as_ref() != Some(&endpoint) || !was_running {
            let mut tx = self.db.begin().await?;
            runtime::record_endpoint(&mut tx, game_id, &observed.container_id, &endpoint).await?;
            if !was_running {
                if spec.pinned != facts.pinned {
                    runtime::set_record_image(&mut tx, game_id, spec.pinned.as_ref()).await?;
                }
                let made_from = spec.made_from();
                runtime::record_operation(&mut tx, game_id, None, "revive", "ok", Some(&made_from)).await?;
            }
            tx.commit().await?;
        }
        let target = EngineTarget { endpoint, token: spec.token };
        self.wait_healthy(game_id, &target).await?;
        // A stop that came between the question and the answer must not be undone by us.
        let status = game_runtime::game_status(&mut *self.db.acquire().await?, game_id).await?;
        if status.as_deref() != Some("running") && !was_running {
            self.op("remove", self.driver.remove(game_id)).await?;
            return Err(ReviveError::NotWanted);
        }
        Ok(target)
    }
}
