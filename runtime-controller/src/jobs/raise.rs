//! From a specification to an engine that answers: what a start and a replacement have in common.

use shared::db::runtime;
use shared::domain::runtime::JobStep;
use shared::engine_client::EngineTarget;
use shared::queue::{Claim, WorkContext};

use super::Jobs;
use super::error::JobError;
use super::progress::PullProgress;
use crate::driver::EngineSpec;

impl Jobs {
    /// Makes sure that the image is there; answers its digest. The step is written down by the caller.
    pub(super) async fn pull(&self, cx: &WorkContext, claim: &Claim, image: &str) -> Result<Option<String>, JobError> {
        let engines = &self.engines;
        let progress = PullProgress::new(&engines.db, cx, claim);
        let pulling = engines.op("pull", engines.driver.fetch(image, &progress));
        let digest = cx.stopping().run_until_cancelled(pulling).await.ok_or(JobError::Stopping)?;
        digest.map_err(|error| JobError::driver(image, error))
    }

    /// Create, start, health. `None` where the game's status is none of `wanted` any more.
    pub(super) async fn raise(
        &self,
        cx: &WorkContext,
        claim: &Claim,
        spec: &EngineSpec,
        wanted: &[&str],
    ) -> Result<Option<EngineTarget>, JobError> {
        let engines = &self.engines;
        let game_id = spec.game_id;
        if !wanted.contains(&self.step(cx, claim, game_id, JobStep::Create).await?.as_str()) {
            return Ok(None);
        }
        let container_id = self.create(spec).await?;
        let mut tx = engines.db.begin().await?;
        cx.hold(&mut tx, claim).await?;
        runtime::record_container(&mut tx, game_id, &container_id).await?;
        tx.commit().await?;

        if !wanted.contains(&self.step(cx, claim, game_id, JobStep::Start).await?.as_str()) {
            return Ok(None);
        }
        let started = engines.start(spec).await;
        started.map_err(|error| JobError::driver(&spec.image, error))?;
        let target = self.reached(cx, claim, spec).await?;

        self.step(cx, claim, game_id, JobStep::Health).await?;
        let healthy = cx.stopping().run_until_cancelled(engines.wait_healthy(game_id, &target)).await;
        healthy.ok_or(JobError::Stopping)?.map_err(|error| JobError::unhealthy(&spec.image, error))?;
        Ok(Some(target))
    }

    /// One container, made from this specification: another one is replaced, the right one is kept.
    async fn create(&self, spec: &EngineSpec) -> Result<String, JobError> {
        let engines = &self.engines;
        let failed = |error| JobError::driver(&spec.image, error);
        let observed = engines.op("inspect", engines.driver.inspect(spec.game_id)).await.map_err(failed)?;
        if let Some(observed) = observed {
            if observed.fingerprint == engines.driver.fingerprint(spec) {
                return Ok(observed.container_id);
            }
            engines.op("remove", engines.driver.remove(spec.game_id)).await.map_err(failed)?;
        }
        engines.op("create", engines.driver.create(spec)).await.map_err(failed)
    }

    /// Where the engine that was just started is reached; written down for everybody.
    async fn reached(&self, cx: &WorkContext, claim: &Claim, spec: &EngineSpec) -> Result<EngineTarget, JobError> {
        let engines = &self.engines;
        let observed = engines.op("inspect", engines.driver.inspect(spec.game_id)).await;
        let observed = observed.map_err(|error| JobError::driver(&spec.image, error))?;
        let observed = observed.ok_or_else(|| JobError::container("its container is gone"))?;
        // The watch may have brought the former engine back in the moment before the job was there to be seen.
        if observed.fingerprint != engines.driver.fingerprint(spec) {
            return Err(JobError::container("a container from another specification has taken its place"));
        }
        let Some(endpoint) = observed.endpoint else {
            let words = engines.driver.last_words(spec.game_id).await.map(|words| format!("; it said: {words}"));
            let ended = observed.ended.unwrap_or_else(|| "it has no address".to_owned());
            return Err(JobError::container(format!("the engine ended: {ended}{}", words.unwrap_or_default())));
        };
        let mut tx = engines.db.begin().await?;
        cx.hold(&mut tx, claim).await?;
        runtime::record_endpoint(&mut tx, spec.game_id, &observed.container_id, &endpoint).await?;
        tx.commit().await?;
        Ok(EngineTarget { endpoint, token: spec.token.clone() })
    }
}
