//! From a specification to an engine that answers: what a start and a replacement have in common.

use serde_json::{Value, json};
use shared::db::runtime::{self, PinnedImage};
use shared::domain::game::GameStatus;
use shared::domain::runtime::JobStep;
use shared::engine_client::EngineTarget;
use shared::queue::{Claim, WorkContext};

use super::Jobs;
use super::error::JobError;
use super::progress::PullProgress;
use super::start;
use crate::driver::{CONTAINER_PREFIX, EngineSpec};

impl Jobs {
    /// Makes sure that the image is there; answers which it is. The step is written down by the caller.
    pub(super) async fn pull(
        &self,
        cx: &WorkContext,
        claim: &Claim,
        image: &str,
        pinned: Option<&PinnedImage>,
    ) -> Result<Option<PinnedImage>, JobError> {
        let engines = &self.engines;
        let progress = PullProgress::new(&engines.db, cx, claim);
        let pulling = engines.op("pull", engines.driver.fetch(image, pinned, &progress));
        let met = cx.stopping().run_until_cancelled(pulling).await.ok_or(JobError::Stopping)?;
        met.map_err(|error| JobError::driver(image, error))
    }

    /// Create, start, health. `None` where the game's status is none of `wanted` any more. `payload`: the job's, as it was claimed.
    pub(super) async fn raise(
        &self,
        cx: &WorkContext,
        claim: &Claim,
        spec: &mut EngineSpec,
        wanted: &[GameStatus],
        payload: &Value,
    ) -> Result<Option<EngineTarget>, JobError> {
        let engines = &self.engines;
        let game_id = spec.game_id;
        if !wanted.contains(&self.step(cx, claim, game_id, JobStep::Create).await?) {
            return Ok(None);
        }
        let pinned = spec.pinned.clone();
        let container_id = self.create(cx, claim, spec, payload).await?;
        let mut tx = engines.db.begin().await?;
        cx.hold(&mut tx, claim).await?;
        runtime::record_container(&mut tx, game_id, &container_id).await?;
        // From here on it may run: its token is its own, and no other container's.
        runtime::job_note(&mut tx, claim.id, &json!({ "made": container_id })).await?;
        // An image that goes while the container is made may come back under another id. A replacement's is recorded when it answers.
        if wanted == start::WANTED && spec.pinned != pinned {
            runtime::set_record_image(&mut tx, game_id, spec.pinned.as_ref()).await?;
        }
        // Of an id of Docker's the beginning tells it; a pod is called after its game.
        let id = container_id.strip_prefix(CONTAINER_PREFIX).unwrap_or(&container_id);
        let made = format!("{} from {}", id.get(..12).unwrap_or(id), spec.made_from());
        runtime::record_operation(&mut tx, game_id, Some(claim.id), "container", "ok", Some(&made)).await?;
        tx.commit().await?;

        if !wanted.contains(&self.step(cx, claim, game_id, JobStep::Start).await?) {
            return Ok(None);
        }
        // A pod may wait for a node and its image for minutes.
        let started = cx.stopping().run_until_cancelled(self.start_made(cx, claim, spec)).await;
        started.ok_or(JobError::Stopping)??;
        let target = self.reached(cx, claim, spec).await?;

        self.step(cx, claim, game_id, JobStep::Health).await?;
        let healthy = cx.stopping().run_until_cancelled(engines.wait_healthy(game_id, &target)).await;
        healthy.ok_or(JobError::Stopping)?.map_err(|error| JobError::unhealthy(&spec.image, error))?;
        Ok(Some(target))
    }

    /// One container, made from this specification: another one is replaced, the right one is kept. One that takes the place of
    /// another, which may have run, gets a token of its own (SPEC §8).
    async fn create(
        &self,
        cx: &WorkContext,
        claim: &Claim,
        spec: &mut EngineSpec,
        payload: &Value,
    ) -> Result<String, JobError> {
        let engines = &self.engines;
        let image = spec.image.clone();
        let failed = |error| JobError::driver(&image, error);
        let observed = engines.op("inspect", engines.driver.inspect(spec.game_id)).await.map_err(failed)?;
        // An earlier attempt's is gone, whoever took it away.
        let mut used = payload.get("made").is_some_and(|made| !made.is_null());
        if let Some(observed) = observed {
            if observed.fingerprint == engines.driver.fingerprint(spec) {
                return Ok(observed.container_id);
            }
            engines.op("remove", engines.driver.remove(spec.game_id)).await.map_err(failed)?;
            used = true;
        }
        if used {
            self.renew_token(cx, claim, spec).await?;
        }
        engines.make(spec).await.map_err(failed)
    }

    /// Starts the container that was just made and has never run; one that cannot start is made anew once.
    async fn start_made(&self, cx: &WorkContext, claim: &Claim, spec: &mut EngineSpec) -> Result<(), JobError> {
        let engines = &self.engines;
        let image = spec.image.clone();
        let failed = |error| JobError::driver(&image, error);
        if engines.started_or_gone(spec).await.map_err(failed)? {
            return Ok(());
        }
        self.renew_token(cx, claim, spec).await?;
        let container_id = engines.make(spec).await.map_err(failed)?;
        let mut tx = engines.db.begin().await?;
        cx.hold(&mut tx, claim).await?;
        runtime::job_note(&mut tx, claim.id, &json!({ "made": container_id })).await?;
        tx.commit().await?;
        engines.start(spec).await.map_err(failed)
    }

    /// Gives the container that is to be made another token than those before it had. It is written down first: an attempt that ends
    /// here leaves a token that no container has.
    async fn renew_token(&self, cx: &WorkContext, claim: &Claim, spec: &mut EngineSpec) -> Result<(), JobError> {
        let fresh = self.engines.fresh_token();
        let mut tx = self.engines.db.begin().await?;
        cx.hold(&mut tx, claim).await?;
        runtime::renew_token(&mut tx, spec.game_id, &fresh).await?;
        runtime::job_note(&mut tx, claim.id, &json!({ "made": null })).await?;
        tx.commit().await?;
        spec.token = fresh;
        Ok(())
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
            let words = engines.words(spec.game_id).await;
            let ended = observed.ended.unwrap_or_else(|| "it has no address".to_owned());
            return Err(JobError::container(format!("the engine ended: {ended}{words}")));
        };
        let mut tx = engines.db.begin().await?;
        cx.hold(&mut tx, claim).await?;
        runtime::record_endpoint(&mut tx, spec.game_id, &observed.container_id, &endpoint).await?;
        tx.commit().await?;
        Ok(EngineTarget { endpoint, token: spec.token.clone() })
    }
}
