//! Start: prepare, pull, create, start, health, init. `docs/runtime.md` has the table of what happens when a controller
//! dies before, between and after the steps.

use shared::db::{games, runtime};
use shared::domain::game::GameStatus;
use shared::domain::runtime::JobStep;
use shared::engine_client::{EngineError, EngineStatus, EngineTarget};
use shared::ids::GameId;
use shared::queue::{Claim, WorkContext};

use super::error::JobError;
use super::{Jobs, Note, Work};
use crate::driver::EngineSpec;
use crate::outcome::JobResult;

/// The status of a game whose engine is being started: in any other it is not wanted.
pub(super) const WANTED: [GameStatus; 1] = [GameStatus::Starting];

/// What `prepare` found.
struct Plan {
    spec: EngineSpec,
    races: Vec<String>,
    /// What the engine is told when the game begins.
    settings: serde_json::Value,
    /// Whether the game ever ran.
    started: bool,
    /// The turn last recorded: above 0 only on a kept state directory.
    turn: i32,
}

impl Jobs {
    pub(super) async fn start(&self, cx: &WorkContext, claim: &Claim, work: &Work) -> Result<Note, JobError> {
        let game_id = work.game_id;
        let Some(mut plan) = self.prepare(cx, claim, game_id).await? else {
            return self.given_up(cx, claim, game_id).await;
        };
        let engines = &self.engines;

        if self.step(cx, claim, game_id, JobStep::Pull).await? != GameStatus::Starting {
            return self.given_up(cx, claim, game_id).await;
        }
        plan.spec.pinned = self.pull(cx, claim, &plan.spec.image, plan.spec.pinned.as_ref()).await?;
        let mut tx = engines.db.begin().await?;
        cx.hold(&mut tx, claim).await?;
        runtime::set_record_image(&mut tx, game_id, plan.spec.pinned.as_ref()).await?;
        tx.commit().await?;

        let Some(target) = self.raise(cx, claim, &mut plan.spec, &WANTED, &work.payload).await? else {
            return self.given_up(cx, claim, game_id).await;
        };
        if self.step(cx, claim, game_id, JobStep::Init).await? != GameStatus::Starting {
            return self.given_up(cx, claim, game_id).await;
        }
        let status = self.init(game_id, &target, &plan).await?;
        let detail = format!("{} at turn {}", plan.spec.made_from(), status.turn);
        let ahead = status.finished || status.turn > plan.turn;
        Ok(Note { result: Some(JobResult::Started { ahead }), detail: Some(detail) })
    }

    /// Reads what is wanted and makes the record, with the token that every later attempt of this start uses too. `None` where the game
    /// is not to be started any more.
    async fn prepare(&self, cx: &WorkContext, claim: &Claim, game_id: GameId) -> Result<Option<Plan>, JobError> {
        let engines = &self.engines;
        let token = engines.fresh_token();
        let mut tx = engines.db.begin().await?;
        cx.hold(&mut tx, claim).await?;
        runtime::job_step(&mut tx, claim.id, JobStep::Prepare, &engines.daemon_id).await?;
        let facts = games::start_facts(&mut tx, game_id).await?;
        let facts = facts.ok_or_else(|| JobError::Refused("there is no such game".to_owned()))?;
        if facts.status != GameStatus::Starting {
            return Ok(None);
        }
        // Forced while a turn of the paused game was still under way: it is let end, and counts.
        if runtime::is_generating(&mut tx, game_id).await? {
            return Err(JobError::Busy);
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
        let (image, pinned, token) = (prepared.image, prepared.pinned, prepared.engine_token);
        let spec = EngineSpec { game_id, image, pinned, token };
        Ok(Some(Plan {
            spec,
            races: facts.races,
            settings: facts.settings,
            started: facts.started,
            turn: facts.current_turn,
        }))
    }

    /// The game went elsewhere meanwhile (cancelled, over): nothing of it is to run.
    pub(super) async fn given_up(&self, cx: &WorkContext, claim: &Claim, game_id: GameId) -> Result<Note, JobError> {
        self.stop(cx, claim, game_id)
            .await
            .map(|note| Note { detail: Some("the game is not to run any more".to_owned()), ..note })
    }

    /// Gives the engine its game, unless it has it already: from an attempt before a crash, or from an earlier run of a
    /// game whose container is made anew (SPEC §7, force-start). A game that was played is never begun anew.
    async fn init(&self, game_id: GameId, target: &EngineTarget, plan: &Plan) -> Result<EngineStatus, JobError> {
        let client = &self.engines.client;
        let begin = || client.init(target, game_id, &plan.races, &plan.settings);
        let status = match client.status(target).await {
            Err(EngineError::Problem { status: 404 | 409, .. }) if plan.turn == 0 => match begin().await {
                Ok(status) => status,
                Err(error) => return Err(JobError::init(&error, &self.engines.words(game_id).await)),
            },
            // Begun by a start that failed after it. The settings may have been changed since: said again, an identical `init` changes
            // nothing, and another one is refused instead of being played under settings that nobody sees any more.
            Ok(_) if !plan.started && has_members(&plan.settings) => match begin().await {
                Err(EngineError::Problem { status: 409, .. }) => {
                    return Err(JobError::config(
                        "an earlier start began this game with other races or settings, and a game begins once: cancel it, or put \
                         its settings back",
                    ));
                }
                status => self.known(game_id, status).await?,
            },
            status => self.known(game_id, status).await?,
        };
        self.stands(game_id, plan.turn, status).await
    }

    /// The status of an engine that must have its game already.
    pub(super) async fn known(
        &self,
        game_id: GameId,
        status: Result<EngineStatus, EngineError>,
    ) -> Result<EngineStatus, JobError> {
        match status {
            Ok(status) => Ok(status),
            Err(EngineError::Problem { status: 404 | 409, .. }) => {
                Err(JobError::config("its state directory holds no game any more"))
            }
            Err(error) => Err(JobError::init(&error, &self.engines.words(game_id).await)),
        }
    }

    /// As [`stands`], of an engine that has the game's own races and no others.
    pub(super) async fn stands(
        &self,
        game_id: GameId,
        turn: i32,
        status: EngineStatus,
    ) -> Result<EngineStatus, JobError> {
        let status = stands(game_id, turn, status)?;
        let races = games::engine_races(&mut *self.engines.db.acquire().await?, game_id).await?;
        status.of(game_id, &races).map_err(|error| JobError::init(&error, ""))
    }
}

/// Whether anything is set.
fn has_members(settings: &serde_json::Value) -> bool {
    settings.as_object().is_some_and(|members| !members.is_empty())
}

/// The engine's status, if it has this game and stands at `turn`, or past it by the one that it generated and that was not
/// recorded yet.
fn stands(game_id: GameId, turn: i32, status: EngineStatus) -> Result<EngineStatus, JobError> {
    if status.game_id != game_id {
        return Err(JobError::config(format!("its state directory holds another game, {}", status.game_id)));
    }
    if status.turn != turn && status.turn != turn.saturating_add(1) {
        return Err(JobError::config(format!("its state stands at turn {}, the game at {turn}", status.turn)));
    }
    Ok(status)
}
