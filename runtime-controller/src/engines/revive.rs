//! Bringing back an engine whose game runs: on the kept state directory; a container that has to be made anew gets
//! another token. The engine's own turn is the truth about where it stands, so nothing is initialised here.
//!
//! Again and again it is done with growing pauses and within a budget (SPEC §8: a crash loop pauses its game), whoever asks for it:
//! the reconciler, a turn, a banishment.

use std::convert::Infallible;

use shared::db::runtime::seen::{self, Revival};
use shared::db::runtime::{self, EngineFacts};
use shared::domain::game::{GameStatus, PauseReason};
use shared::domain::runtime::RuntimeStatus;
use shared::engine_client::EngineTarget;
use shared::ids::GameId;
use tokio::sync::SemaphorePermit;
use tokio::time::sleep;

use super::{Engines, Unhealthy};
use crate::driver::{DriverError, EngineSpec, Observed};

/// Why an engine was not brought back.
#[derive(Debug, thiserror::Error)]
pub enum ReviveError {
    /// The game does not run any more, or is another daemon's: its engine is not wanted here.
    #[error("the game does not run here any more")]
    NotWanted,
    /// It was brought back a moment ago and is gone again: it is tried again after a pause.
    #[error("the engine is gone again: it is brought back in {0:.1} s")]
    Waiting(f64),
    /// It was brought back too often: the reconciler gives it up.
    #[error("the engine is gone, and was brought back {0} times in vain")]
    Spent(i32),
    /// The driver could not.
    #[error(transparent)]
    Driver(#[from] DriverError),
    /// It came up but does not answer.
    #[error(transparent)]
    Unhealthy(#[from] Unhealthy),
    /// The database did not answer.
    #[error("the database does not answer")]
    Database(#[from] shared::db::Error),
}

impl ReviveError {
    /// Whether it is not the engine that is at fault: what it is made from is missing, and may be back soon.
    fn is_lack(&self) -> bool {
        matches!(self, Self::Driver(error) if error.is_lack())
    }
}

/// Whether the engine is to run though no job is at work on it: the game runs, or waits for nothing but its engine.
fn wanted(facts: &EngineFacts) -> bool {
    match facts.game_status {
        // An engine that is being replaced is the job's to bring back.
        GameStatus::Running => facts.status != RuntimeStatus::Starting,
        GameStatus::Paused => {
            facts.status == RuntimeStatus::EngineUnreachable
                && facts.pause_reason == Some(PauseReason::EngineUnreachable)
        }
        _ => false,
    }
}

/// Whether an engine that was brought back stays: its game goes on, or is paused and was not stopped.
fn kept(facts: &EngineFacts) -> bool {
    let stopped = matches!(facts.status, RuntimeStatus::Stopped | RuntimeStatus::Removed);
    match facts.game_status {
        GameStatus::Running => true,
        GameStatus::Paused => facts.pause_reason != Some(PauseReason::Stopped) && !stopped,
        _ => false,
    }
}

impl Engines {
    /// Makes sure that the engine of a running game runs and answers, and answers where. An engine that runs is left
    /// alone, even one that is silent: it may be busy with a turn. One that runs and is not made from what is recorded, and does
    /// not take the recorded token, is not the game's: another is made.
    ///
    /// # Errors
    /// [`ReviveError`].
    pub async fn revive(&self, game_id: GameId) -> Result<EngineTarget, ReviveError> {
        // The reconciler and a turn may miss the same engine at the same moment: the second finds what the first has made.
        let _alone = self.reviving.enter(game_id).await;
        let facts = runtime::engine_facts(&mut *self.db.acquire().await?, game_id, &self.daemon_id).await?;
        let facts = facts.filter(wanted).ok_or(ReviveError::NotWanted)?;
        let mut spec = EngineSpec::recorded(game_id, &facts);
        let looked = match self.op("inspect", self.driver.inspect(game_id)).await {
            Err(away @ DriverError::Unavailable(_)) => return Err(away.into()),
            // Whatever else keeps it from being looked at keeps it from being brought back: a stranger that has its name, most of all.
            looked => looked,
        };
        let here = match &looked {
            Ok(Some(observed)) if observed.running && observed.endpoint.is_some() => {
                self.is_ours(observed, &spec).await
            }
            _ => false,
        };
        let observed = if here { looked? } else { self.raise(&facts, &mut spec, looked).await? };
        let observed = observed.ok_or(ReviveError::NotWanted)?;
        let Some(endpoint) = observed.endpoint else {
            return Err(Unhealthy::Ended(observed.ended.unwrap_or_else(|| "it has no address".to_owned())).into());
        };
        let known =
            facts.endpoint.as_ref() == Some(&endpoint) && facts.container_id.as_ref() == Some(&observed.container_id);
        if !known || !here {
            let mut tx = self.db.begin().await?;
            runtime::record_endpoint(&mut tx, game_id, &observed.container_id, &endpoint).await?;
            if spec.pinned != facts.pinned {
                runtime::set_record_image(&mut tx, game_id, spec.pinned.as_ref()).await?;
            }
            tx.commit().await?;
        }
        let target = EngineTarget { endpoint, token: spec.token };
        self.wait_healthy(game_id, &target).await?;
        // A stop that came between the question and the answer must not be undone by us.
        let now = runtime::engine_facts(&mut *self.db.acquire().await?, game_id, &self.daemon_id).await?;
        if !here && !now.as_ref().is_some_and(kept) {
            self.op("remove", self.driver.remove(game_id)).await?;
            seen::forget_container(&mut *self.db.acquire().await?, game_id, &observed.container_id).await?;
            return Err(ReviveError::NotWanted);
        }
        Ok(target)
    }

    /// From a container that is gone or dead to one that was started; logged, and counted against the budget. `looked`: what is there, or
    /// why that cannot be seen. Then it fails as a container does that cannot be made, with the same pauses.
    async fn raise(
        &self,
        facts: &EngineFacts,
        spec: &mut EngineSpec,
        looked: Result<Option<Observed>, DriverError>,
    ) -> Result<Option<Observed>, ReviveError> {
        let game_id = spec.game_id;
        let why = match &looked {
            Ok(None) => "its container is gone".to_owned(),
            Ok(Some(observed)) if observed.running => "another container runs in its place".to_owned(),
            Ok(Some(observed)) => observed.ended.clone().unwrap_or_else(|| "it does not run".to_owned()),
            Err(_) => "its container cannot be looked at".to_owned(),
        };
        let mut tx = self.db.begin().await?;
        // Its address may be another engine's from now on: nobody is to call it.
        if let Some(endpoint) = &facts.endpoint {
            seen::forget_address(&mut tx, game_id, endpoint).await?;
        }
        let begun = seen::begin_revival(&mut tx, game_id, &self.tuning.revivals).await?;
        tx.commit().await?;
        let times = match begun {
            Revival::Begun(times) => times,
            Revival::Later(seconds) => return Err(ReviveError::Waiting(seconds)),
            Revival::Spent(times) => return Err(ReviveError::Spent(times)),
        };
        tracing::warn!(%game_id, why, times, "an engine is gone while its game runs: bringing it back");
        let made = match looked {
            Ok(observed) => self.while_renewing(game_id, times, self.make_again(spec, observed)).await,
            Err(error) => Err(error.into()),
        };
        let (outcome, detail) = match &made {
            Ok(_) => ("ok", format!("{why}; {}", spec.made_from())),
            Err(error) => ("failed", format!("{why}; {error}")),
        };
        let mut tx = self.db.begin().await?;
        let budget = &self.tuning.revivals;
        let away = matches!(made, Err(ReviveError::Driver(DriverError::Unavailable(_))));
        match &made {
            Err(_) if away => seen::refund_revival(&mut tx, game_id).await?,
            Err(error) if error.is_lack() => seen::postpone_revival(&mut tx, game_id, budget).await?,
            _ => seen::end_revival(&mut tx, game_id, budget).await?,
        }
        if !away {
            runtime::count_operation(&mut tx, game_id, "revive", outcome, Some(&detail)).await?;
        }
        tx.commit().await?;
        made
    }

    /// Does what may take long: a pull, or the waiting for a place. Nobody else brings the engine back meanwhile, and spends its budget.
    async fn while_renewing<T>(&self, game_id: GameId, times: i32, work: impl Future<Output = T>) -> T {
        tokio::select! {
            done = work => done,
            never = self.renew_on(game_id, times) => match never {},
        }
    }

    async fn renew_on(&self, game_id: GameId, times: i32) -> Infallible {
        let budget = &self.tuning.revivals;
        loop {
            sleep(budget.claim / 3).await;
            let renewed = async {
                let mut conn = self.db.acquire().await?;
                seen::renew_revival(&mut conn, game_id, times, budget).await
            };
            if let Err(error) = renewed.await {
                tracing::debug!(%game_id, %error, "a revival that lasts could not be noted");
            }
        }
    }

    /// Makes the container within a place at the daemon. A registry may take its time: a pull keeps nobody else's engine waiting.
    async fn make_in<'a>(
        &'a self,
        spec: &mut EngineSpec,
        place: &mut Option<SemaphorePermit<'a>>,
    ) -> Result<(), DriverError> {
        if self.make_of_what_is_there(spec).await?.is_none() {
            *place = None;
            self.fetch_image(spec).await?;
            *place = self.reviving.place().await;
            self.op("create", self.driver.create(spec)).await?;
        }
        Ok(())
    }

    /// Starts the container within a place at the daemon, and without one waits for what is not the daemon's to give: a node of a cluster
    /// that has room, and the image there. That keeps nobody else's engine waiting either.
    async fn start_in<'a>(
        &'a self,
        spec: &EngineSpec,
        place: &mut Option<SemaphorePermit<'a>>,
    ) -> Result<(), DriverError> {
        if self.begin_start(spec).await? {
            *place = None;
            let waited = self.op("wait", self.driver.start(spec)).await;
            *place = self.reviving.place().await;
            waited?;
        }
        Ok(())
    }

    async fn make_again(
        &self,
        spec: &mut EngineSpec,
        observed: Option<Observed>,
    ) -> Result<Option<Observed>, ReviveError> {
        let game_id = spec.game_id;
        // The daemon is asked by few at once; the waiting for the engine afterwards takes nobody's place.
        let mut place = self.reviving.place().await;
        let mut made = observed.is_some();
        if observed.is_some_and(|ended| ended.running || ended.fingerprint != self.driver.fingerprint(spec)) {
            // Made with another token or other limits than those that hold: nothing in it is worth keeping.
            self.op("remove", self.driver.remove(game_id)).await?;
            made = false;
        }
        if made {
            // What it was made with may be gone: its network, its mount.
            let started = self.start_in(spec, &mut place).await;
            made = self.or_gone(game_id, started).await?;
        }
        if !made {
            self.renew_token(spec).await?;
            self.make_in(spec, &mut place).await?;
            let started = self.start_in(spec, &mut place).await;
            // Its network may go before it has ever run: once more, anew.
            if !self.or_gone(game_id, started).await? {
                self.renew_token(spec).await?;
                self.make_in(spec, &mut place).await?;
                self.start_in(spec, &mut place).await?;
            }
        }
        let observed = self.op("inspect", self.driver.inspect(game_id)).await?;
        drop(place);
        if observed.as_ref().is_some_and(|observed| observed.fingerprint != self.driver.fingerprint(spec)) {
            // Another controller made one in the same moment. Which token is recorded is open, so neither is kept: the next look
            // makes one.
            self.op("remove", self.driver.remove(game_id)).await?;
            return Err(Unhealthy::Ended("another controller made a container in the same moment".to_owned()).into());
        }
        Ok(observed)
    }
}
