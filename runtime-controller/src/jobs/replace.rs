//! Restart and patch: another container takes the place of a running engine's, on the same state (SPEC §8): pull, hold,
//! remove, snapshot (a patch), create, start, health, verify. From `hold` on no turn begins and no order is passed on. The record keeps the
//! former engine until the new one answers: that is what a patch goes back to. `docs/runtime.md` has the table.

use serde_json::json;
use shared::db::runtime::{self, PinnedImage};
use shared::db::{engine_versions, games};
use shared::domain::game::GameStatus;
use shared::domain::runtime::{JobKind, JobStep, RuntimeStatus, StartFailure};
use shared::ids::GameId;
use shared::queue::{Claim, WorkContext};
use shared::secret::Secret;

use super::error::JobError;
use super::{Jobs, Note, Work};
use crate::driver::EngineSpec;
use crate::outcome::{JobResult, Left, Release};

/// The statuses of a game whose engine may be replaced: in any other it is not wanted.
const WANTED: [GameStatus; 2] = [GameStatus::Running, GameStatus::Paused];

/// The steps in their order: an attempt goes on from the one that the last had reached.
const ORDER: [JobStep; 8] = [
    JobStep::Pull,
    JobStep::Hold,
    JobStep::Remove,
    JobStep::Snapshot,
    JobStep::Create,
    JobStep::Start,
    JobStep::Health,
    JobStep::Verify,
];

/// What is replaced by what.
struct Plan {
    game_id: GameId,
    token: Secret,
    former: Release,
    next: Release,
    /// The turn last recorded.
    turn: i32,
}

impl Plan {
    fn spec(&self, release: &Release) -> EngineSpec {
        EngineSpec {
            game_id: self.game_id,
            image: release.image.clone(),
            pinned: release.pinned.clone(),
            token: self.token.clone(),
        }
    }
}

impl Jobs {
    pub(super) async fn replace(&self, cx: &WorkContext, claim: &Claim, work: &Work) -> Result<Note, JobError> {
        let mut plan = self.plan(work).await?;
        // An earlier attempt gave the new engine up: only the way back is left.
        if let Some(failure) = work.payload.get("given_up") {
            let failure = serde_json::from_value(failure.clone())
                .map_err(|error| JobError::Refused(format!("the payload's failure: {error}")))?;
            return self.back(cx, claim, work, &mut plan, failure).await;
        }
        let error = match self.put_in_place(cx, claim, work, &mut plan).await {
            Ok(note) => return Ok(note),
            Err(error) => error,
        };
        match error.start_failure() {
            Some(failure) if self.is_last(claim, &error) => {
                self.back(cx, claim, work, &mut plan, failure.clone()).await
            }
            _ => Err(error),
        }
    }

    async fn plan(&self, work: &Work) -> Result<Plan, JobError> {
        let mut conn = self.engines.db.acquire().await?;
        let facts = runtime::engine_facts(&mut conn, work.game_id, &self.engines.daemon_id).await?;
        let facts = facts.ok_or_else(|| JobError::Refused("the game has no engine here".to_owned()))?;
        let former = Release { version: facts.engine_version, image: facts.image, pinned: facts.pinned };
        let next = if work.kind == JobKind::Patch {
            let version = work.payload.get("version").and_then(|version| version.as_str());
            let version = version.ok_or_else(|| JobError::Refused("the payload names no version".to_owned()))?;
            let found = engine_versions::get(&mut conn, version).await?;
            let found = found.ok_or_else(|| JobError::Refused(format!("there is no version {version}")))?;
            Release { version: found.version, image: found.image, pinned: None }
        } else {
            former.clone()
        };
        Ok(Plan { game_id: work.game_id, token: facts.engine_token, former, next, turn: facts.current_turn })
    }

    async fn put_in_place(
        &self,
        cx: &WorkContext,
        claim: &Claim,
        work: &Work,
        plan: &mut Plan,
    ) -> Result<Note, JobError> {
        let game_id = plan.game_id;
        plan.next.pinned = if reached(work, JobStep::Hold) {
            met_before(&work.payload)
        } else {
            // The image first: the game goes on while it is pulled.
            if !WANTED.contains(&self.step(cx, claim, game_id, JobStep::Pull).await?) {
                return self.given_up(cx, claim, game_id).await;
            }
            // A restart's is the one that the game began with; a patch takes what its image stands for now.
            let met = self.pull(cx, claim, &plan.next.image, plan.next.pinned.as_ref()).await?;
            self.fits(game_id).await?;
            if work.kind == JobKind::Patch {
                self.copy_fits(&plan.next.image, game_id).await?;
            }
            // The new container's alone: a former engine that is put back gets another.
            let token = self.engines.fresh_token();
            if !self.hold(cx, claim, game_id, met.as_ref(), &token).await? {
                return self.given_up(cx, claim, game_id).await;
            }
            plan.token = token;
            // From here on no turn is generated; while the image was pulled some may have been.
            plan.turn = self.turn(&mut *self.engines.db.acquire().await?, game_id).await?;
            met
        };
        let mut spec = plan.spec(&plan.next);
        if !reached(work, JobStep::Create) {
            self.step(cx, claim, game_id, JobStep::Remove).await?;
            let removed = self.engines.op("remove", self.engines.driver.remove(game_id)).await;
            removed.map_err(|error| JobError::driver(&spec.image, error))?;
            if work.kind == JobKind::Patch {
                self.copy_state(cx, claim, &spec.image, game_id).await?;
            }
        }
        let Some(target) = self.raise(cx, claim, &mut spec, &WANTED, &work.payload).await? else {
            return self.given_up(cx, claim, game_id).await;
        };
        plan.next.pinned = spec.pinned;
        self.step(cx, claim, game_id, JobStep::Verify).await?;
        let status = self.known(game_id, self.engines.client.status(&target).await).await?;
        let status = self.stands(game_id, plan.turn, status).await?;
        let detail = format!("{} to {} at turn {}", plan.former.version, plan.next.version, status.turn);
        Ok(Note { result: Some(JobResult::Replaced(plan.next.clone())), detail: Some(detail) })
    }

    /// Refuses a replacement whose new engine would be refused in the end, since the state stands at another turn than the game: it
    /// touches nothing (SPEC §8; `accept-turn` is the way on). An engine that does not answer is no reason not to replace it.
    async fn fits(&self, game_id: GameId) -> Result<(), JobError> {
        let (target, before) = {
            let mut conn = self.engines.db.acquire().await?;
            (runtime::target(&mut conn, game_id).await?, self.turn(&mut conn, game_id).await?)
        };
        let Some(target) = target else { return Ok(()) };
        let Ok(status) = self.engines.client.status(&target).await else { return Ok(()) };
        let after = self.turn(&mut *self.engines.db.acquire().await?, game_id).await?;
        // The game goes on meanwhile.
        if status.game_id != game_id || (before..=after.saturating_add(1)).contains(&status.turn) {
            return Ok(());
        }
        Err(JobError::Refused(format!(
            "the engine stands at turn {}, the game at {after}: another would be refused, and this one is left as it \
             is; accept-turn sets the game right",
            status.turn
        )))
    }

    async fn turn(&self, conn: &mut sqlx::PgConnection, game_id: GameId) -> Result<i32, JobError> {
        let record = runtime::record(conn, game_id).await?;
        Ok(record.ok_or_else(|| JobError::Refused("the game has no engine here".to_owned()))?.current_turn)
    }

    /// Takes the engine from turns and orders, between two turns, and gives the next container its token. `false` where the game
    /// is not to run any more.
    async fn hold(
        &self,
        cx: &WorkContext,
        claim: &Claim,
        game_id: GameId,
        met: Option<&PinnedImage>,
        token: &Secret,
    ) -> Result<bool, JobError> {
        let mut tx = self.engines.db.begin().await?;
        // The game's lock before the job's: the order that everybody takes.
        let game = games::lock(&mut tx, game_id).await?;
        cx.hold(&mut tx, claim).await?;
        if !game.is_some_and(|game| WANTED.contains(&game.status)) {
            return Ok(false);
        }
        if runtime::is_generating(&mut tx, game_id).await? {
            return Err(JobError::Busy);
        }
        if !runtime::hold_engine(&mut tx, game_id, token).await? {
            return Err(JobError::Refused("the game's engine is stopped: only a start can bring it back".to_owned()));
        }
        runtime::job_step(&mut tx, claim.id, JobStep::Hold, &self.engines.daemon_id).await?;
        let met = met.map(|image| json!({ "id": image.id, "digest": image.digest }));
        runtime::job_note(&mut tx, claim.id, &json!({ "image": met })).await?;
        tx.commit().await?;
        tracing::info!(%game_id, job_id = %claim.id, step = %JobStep::Hold, "step");
        Ok(true)
    }

    /// The new engine is given up. Where the former one was not touched yet, it goes on. Where it was, it is put back; a
    /// restart has no other to put back, and leaves the game without an engine.
    async fn back(
        &self,
        cx: &WorkContext,
        claim: &Claim,
        work: &Work,
        plan: &mut Plan,
        failure: StartFailure,
    ) -> Result<Note, JobError> {
        let mut tx = self.engines.db.begin().await?;
        cx.hold(&mut tx, claim).await?;
        let record = runtime::record(&mut tx, plan.game_id).await?;
        if record.is_none_or(|record| record.status != RuntimeStatus::Starting) {
            return Err(JobError::Replace { failure, left: Box::new(Left::AsRecorded) });
        }
        if plan.next.version == plan.former.version {
            tx.rollback().await?;
            let cleared = self.clear_away(plan.game_id).await;
            return Err(JobError::Replace { failure, left: Box::new(Left::Nothing { cleared }) });
        }
        runtime::job_step(&mut tx, claim.id, JobStep::Back, &self.engines.daemon_id).await?;
        runtime::job_note(&mut tx, claim.id, &json!({ "given_up": failure })).await?;
        tx.commit().await?;
        let reason = failure.reason();
        let to = &plan.former.version;
        tracing::warn!(game_id = %plan.game_id, job_id = %claim.id, reason, to, "going back to the former engine");
        match self.put_back(cx, claim, work, plan).await {
            Ok(()) => Err(JobError::Replace { failure, left: Box::new(Left::Former(plan.former.clone())) }),
            Err(error) if error.start_failure().is_some() && self.is_last(claim, &error) => {
                tracing::error!(game_id = %plan.game_id, %error, "the former engine could not be put back");
                let cleared = self.clear_away(plan.game_id).await;
                // Both are said: what the new engine lacked, and why there is no former one either.
                let failure = failure.and(&format!("and the former engine did not come back: {error}"));
                Err(JobError::Replace { failure, left: Box::new(Left::Nothing { cleared }) })
            }
            Err(error) => Err(error),
        }
    }

    async fn put_back(&self, cx: &WorkContext, claim: &Claim, work: &Work, plan: &mut Plan) -> Result<(), JobError> {
        let mut spec = plan.spec(&plan.former);
        // The state first: should the former image be gone, a start that brings it back finds the state all the same.
        if let Some(token) = self.restore_state(cx, claim, &work.payload, &spec.image, plan.game_id).await? {
            spec.token = token;
        }
        self.pull(cx, claim, &spec.image, spec.pinned.as_ref()).await?;
        let target = self.raise(cx, claim, &mut spec, &WANTED, &work.payload).await?;
        plan.former.pinned = spec.pinned;
        let target = target.ok_or_else(|| JobError::Refused("the game is not to run any more".to_owned()))?;
        let status = self.known(plan.game_id, self.engines.client.status(&target).await).await?;
        self.stands(plan.game_id, plan.turn, status).await?;
        Ok(())
    }
}

/// The image that an earlier attempt met.
fn met_before(payload: &serde_json::Value) -> Option<PinnedImage> {
    let image = payload.get("image")?;
    let text = |name: &str| image.get(name).and_then(|text| text.as_str()).map(str::to_owned);
    Some(PinnedImage { id: text("id")?, digest: text("digest") })
}

/// Whether an earlier attempt had reached this step.
fn reached(work: &Work, step: JobStep) -> bool {
    let position = |word: &str| ORDER.iter().position(|step| step.as_str() == word);
    // A pull's step goes on with its progress, behind a colon.
    let at = work.step.as_deref().and_then(|text| text.split(':').next()).and_then(position);
    at.is_some() && at >= position(step.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_attempt_goes_on_from_the_step_that_the_last_had_reached() {
        let work = |step: Option<&str>| Work {
            game_id: GameId::new(),
            kind: JobKind::Restart,
            payload: json!({}),
            step: step.map(str::to_owned),
        };
        let at = |step| (reached(&work(step), JobStep::Hold), reached(&work(step), JobStep::Create));
        for early in [None, Some("pull"), Some("pull: a1b2: Downloading"), Some("nonsense")] {
            assert_eq!(at(early), (false, false), "{early:?}");
        }
        for held in [Some("hold"), Some("remove"), Some("snapshot")] {
            assert_eq!(at(held), (true, false), "{held:?}");
        }
        for removed in [Some("create"), Some("start"), Some("health"), Some("verify")] {
            assert_eq!(at(removed), (true, true), "{removed:?}");
        }
    }
}
