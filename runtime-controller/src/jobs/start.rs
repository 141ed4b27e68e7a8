//! Start: prepare, pull, create, start, health, init. `docs/runtime.md` has the table of what happens when a controller
//! dies before, between and after the steps.

use shared::db::{game_runtime, runtime};
use shared::domain::runtime::JobStep;
use shared::engine_client::{EngineError, EngineStatus, EngineTarget};
use shared::ids::GameId;
use shared::queue::{Claim, WorkContext};
use shared::secret::Secret;

use super::error::JobError;
use super::progress::PullProgress;
use super::{Jobs, Note};
use crate::driver::EngineSpec;
use crate::lobby::JobResult;

/// What `prepare` found.
struct Plan {
    spec: EngineSpec,
    races: Vec<String>,
}

impl Jobs {
    pub(super) async fn start(&self, cx: &WorkContext, claim: &Claim, game_id: GameId) -> Result<Note, JobError> {
        let Some(plan) = self.prepare(cx, claim, game_id).await? else {
            return self.given_up(cx, claim, game_id).await;
        };
        let spec = &plan.spec;
        let failed = |error| JobError::driver(&spec.image, error);
        let engines = &self.engines;

        if self.step(cx, claim, game_id, JobStep::Pull).await? != "starting" {
            return self.given_up(cx, claim, game_id).await;
        }
        let progress = PullProgress::new(&engines.db, cx, claim);
        let digest = engines.op("pull", engines.driver.fetch(&spec.image, &progress)).await.map_err(failed)?;

        if self.step(cx, claim, game_id, JobStep::Create).await? != "starting" {
            return self.given_up(cx, claim, game_id).await;
        }
        let container_id = self.create(spec).await?;
        let mut tx = engines.db.begin().await?;
        cx.hold(&mut tx, claim).await?;
        runtime::set_record_image(&mut tx, game_id, digest.as_deref()).await?;
        runtime::record_container(&mut tx, game_id, &container_id).await?;
        tx.commit().await?;

        if self.step(cx, claim, game_id, JobStep::Start).await? != "starting" {
            return self.given_up(cx, claim, game_id).await;
        }
        engines.op("start", engines.driver.start(spec)).await.map_err(failed)?;
        let target = self.reached(cx, claim, spec).await?;

        self.step(cx, claim, game_id, JobStep::Health).await?;
        let healthy = engines.wait_healthy(game_id, &target).await;
        healthy.map_err(|error| JobError::unhealthy(&spec.image, error))?;

        if self.step(cx, claim, game_id, JobStep::Init).await? != "starting" {
            return self.given_up(cx, claim, game_id).await;
        }
        let status = self.init(game_id, &target, &plan.races).await?;
        let detail = format!("{} at turn {}", spec.image, status.turn);
        Ok(Note { result: Some(JobResult::Started { turn: status.turn }), detail: Some(detail) })
    }

    /// Reads what is wanted and makes the record, with the token that every later attempt uses too. `None` where the game
    /// is not to be started any more.
    async fn prepare(&self, cx: &WorkContext, claim: &Claim, game_id: GameId) -> Result<Option<Plan>, JobError> {
        let engines = &self.engines;
        let token: String = self.random.bytes::<32>().iter().map(|byte| format!("{byte:02x}")).collect();
        let token = Secret::new(token);
        let mut tx = engines.db.begin().await?;
        cx.hold(&mut tx, claim).await?;
        runtime::job_step(&mut tx, claim.id, JobStep::Prepare, &engines.daemon_id).await?;
        let facts = game_runtime::start_facts(&mut tx, game_id).await?;
        let facts = facts.ok_or_else(|| JobError::Refused("there is no such game".to_owned()))?;
        if facts.status != "starting" {
            return Ok(None);
        }
        let prepared = runtime::prepare_record(
            &mut tx,
            game_id,
            engines.driver.name(),
            &engines.daemon_id,
            &facts.engine_version,
            &facts.image,
            &token,
        );
        let prepared = prepared.await?.ok_or_else(|| {
            JobError::config("the game's state is on another daemon, or the game was finished: it cannot start here")
        })?;
        tx.commit().await?;
        let spec = EngineSpec { game_id, image: facts.image, token: prepared.engine_token };
        Ok(Some(Plan { spec, races: facts.races }))
    }

    /// The game was cancelled meanwhile: nothing of it is to run.
    async fn given_up(&self, cx: &WorkContext, claim: &Claim, game_id: GameId) -> Result<Note, JobError> {
        self.stop(cx, claim, game_id)
            .await
            .map(|note| Note { detail: Some("the game was cancelled".to_owned()), ..note })
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

    /// Gives the engine its game, unless it has it already: from an attempt before a crash, or from an earlier run of a
    /// game whose container is made anew (SPEC §7, force-start).
    async fn init(&self, game_id: GameId, target: &EngineTarget, races: &[String]) -> Result<EngineStatus, JobError> {
        let client = &self.engines.client;
        let status = match client.status(target).await {
            Ok(status) => status,
            Err(EngineError::Problem { status: 404 | 409, .. }) => {
                client.init(target, game_id, races).await.map_err(|error| JobError::init(&error))?
            }
            Err(error) => return Err(JobError::init(&error)),
        };
        if status.game_id != game_id {
            return Err(JobError::config(format!("its state directory holds another game, {}", status.game_id)));
        }
        Ok(status)
    }
}
