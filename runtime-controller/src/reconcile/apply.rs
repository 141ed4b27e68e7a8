//! Does what a plan says. Everything looks again before it does anything, may be broken off anywhere and done again, and locks the
//! game where it changes more than the record.

use shared::db::banishments;
use shared::db::runtime::{self, seen};
use shared::domain::game::GameStatus;
use shared::domain::runtime::{Health, RuntimeStatus, TickPlan};
use shared::engine_client::EngineError;
use shared::ids::GameId;
use shared::queue::Topic;

use super::plan::{Action, Deed};
use super::{Done, PassError, Reconciler};
use crate::engines::{ReviveError, probe_outcome};
use crate::metrics;

impl Reconciler {
    /// Does it, and logs what could not be done.
    pub(super) async fn apply(&self, action: &Action) -> Done {
        let game_id = action.game_id;
        match self.engines.db.try_within(self.deed(action)).await {
            Ok(true) => Done::Changed,
            Ok(false) => Done::AsItWas,
            Err(error) => {
                tracing::warn!(
                    %game_id, deed = action.deed.word(), why = action.why, %error,
                    "the reconciler could not do what is to be done"
                );
                Done::Failed
            }
        }
    }

    /// Answers whether it changed what is to be done next.
    async fn deed(&self, action: &Action) -> Result<bool, DeedError> {
        let game_id = action.game_id;
        match action.deed {
            Deed::Forget => Ok(self.engines.forget(game_id).await?),
            Deed::Revive => self.revive(game_id, &action.why).await,
            Deed::Adopt => match self.engines.adopt(game_id).await {
                Ok(true) => {
                    tracing::info!(%game_id, why = action.why, "a container was adopted");
                    Ok(true)
                }
                Ok(false) | Err(ReviveError::NotWanted) => Ok(false),
                Err(error) => Err(error.into()),
            },
            Deed::Orphan { .. } => self.remove_orphan(action).await,
            Deed::RemoveStray => self.remove_strays(game_id, &action.why).await,
            Deed::Probe { resume } => Ok(self.probe(game_id, resume).await? == Probed::Ill),
            Deed::Unwell => self.unwell(game_id, &action.why).await,
            Deed::GiveUp => self.give_up(game_id, &action.why).await,
            Deed::Pause => self.pause(game_id, &action.why).await,
        }
    }

    async fn revive(&self, game_id: GameId, why: &str) -> Result<bool, DeedError> {
        match self.engines.revive(game_id).await {
            Ok(_) => {
                tracing::info!(%game_id, why, "an engine was brought back");
                Ok(true)
            }
            // Somebody else saw to it, or the game went elsewhere.
            Err(ReviveError::NotWanted | ReviveError::Waiting(_) | ReviveError::Spent(_)) => Ok(false),
            Err(error) => {
                let mut conn = self.engines.db.acquire().await?;
                runtime::record_health(&mut conn, game_id, Health::Unhealthy).await?;
                Err(error.into())
            }
        }
    }

    /// The game's engine is lost: told, paused, and what is left of its container removed.
    async fn give_up(&self, game_id: GameId, why: &str) -> Result<bool, DeedError> {
        let why = &format!("{why}{}", self.engines.end(game_id).await);
        let mut tx = self.engines.db.begin().await?;
        let given_up = self.outcomes.engine_given_up(&mut tx, game_id, self.rules.revivals, why).await?;
        tx.commit().await?;
        if given_up {
            tracing::error!(%game_id, why, "an engine is given up: its game is paused");
            self.engines.metrics.lost(metrics::GIVEN_UP);
            self.waker.wake(Topic::Notifications);
            self.engines.op("remove", self.engines.driver.remove(game_id)).await?;
        }
        Ok(given_up)
    }

    async fn pause(&self, game_id: GameId, why: &str) -> Result<bool, DeedError> {
        // Once more, so that nobody is paused who has just come back, or whose answer nobody has read.
        match self.probe(game_id, false).await? {
            Probed::Well => return Ok(true),
            Probed::Unread => return Ok(false),
            Probed::Ill => {}
        }
        let mut tx = self.engines.db.begin().await?;
        let paused = self.outcomes.engine_silent(&mut tx, game_id, why).await?;
        tx.commit().await?;
        if paused {
            tracing::error!(%game_id, why, "a game is paused: its engine does not answer");
            self.engines.metrics.lost(metrics::SILENT);
            self.waker.wake(Topic::Notifications);
        }
        Ok(paused)
    }

    async fn unwell(&self, game_id: GameId, why: &str) -> Result<bool, DeedError> {
        let mut tx = self.engines.db.begin().await?;
        let mut changed = false;
        if let Some(endpoint) = runtime::target(&mut tx, game_id).await?.map(|target| target.endpoint) {
            // Seen by the daemon: one miss is enough.
            let seen = seen::probe_missed(&mut tx, game_id, &endpoint, 1).await?;
            changed = seen.is_some_and(|seen| seen.before != seen.health);
            if changed {
                runtime::count_operation(&mut tx, game_id, "health", "unhealthy", Some(why)).await?;
            }
        }
        tx.commit().await?;
        Ok(changed)
    }

    /// Asks the engine for its status: only its own engine knows its game and takes its token.
    async fn probe(&self, game_id: GameId, resume: bool) -> Result<Probed, DeedError> {
        let engines = &self.engines;
        let (target, record) = {
            let mut conn = engines.db.acquire().await?;
            (runtime::target(&mut conn, game_id).await?, runtime::record(&mut conn, game_id).await?)
        };
        let (Some(target), Some(record)) = (target, record) else { return Ok(Probed::Ill) };
        let lane = if record.health == Health::Unhealthy { &self.silent_probes } else { &self.probes };
        let asked = {
            let _place = lane.acquire().await;
            engines.client.status(&target).await
        };
        let asked = match asked {
            Ok(status) if status.game_id != game_id => Err(EngineError::OtherGame(status.game_id)),
            asked => asked,
        };
        engines.metrics.probe(asked.as_ref().map_or_else(probe_outcome, |_| "healthy"));
        if matches!(asked, Err(EngineError::NoRoom)) {
            return Ok(Probed::Unread);
        }
        let mut tx = engines.db.begin().await?;
        let status = match asked {
            Ok(status) => {
                let probed =
                    seen::probe_answered(&mut tx, game_id, &target.endpoint, engines.tuning.revivals.calm).await?;
                let Some(probed) = probed else { return Ok(Probed::Ill) };
                if probed.before == Health::Unhealthy {
                    let detail = format!("it answers at turn {}", status.turn);
                    runtime::count_operation(&mut tx, game_id, "health", "healthy", Some(&detail)).await?;
                    tracing::info!(%game_id, "an engine is well again");
                }
                status
            }
            Err(error) => {
                let probed = seen::probe_missed(&mut tx, game_id, &target.endpoint, engines.tuning.misses).await?;
                if probed.is_some_and(|probed| probed.health == Health::Unhealthy && probed.before != probed.health) {
                    runtime::count_operation(&mut tx, game_id, "health", "unhealthy", Some(&error.to_string())).await?;
                    tracing::warn!(%game_id, %error, "an engine is not well");
                }
                tx.commit().await?;
                // Not our engine: whose address it is now is to be found out, and ours to be brought back.
                if error.is_elsewhere() && record.status == RuntimeStatus::Running {
                    engines.adopt(game_id).await?;
                }
                return Ok(Probed::Ill);
            }
        };
        tx.commit().await?;
        if resume && TickPlan::new(record.current_turn, status.turn, status.finished) != TickPlan::Mismatch {
            self.resume(game_id).await?;
        }
        Ok(Probed::Well)
    }

    /// A game that was paused because its engine did not answer goes on.
    async fn resume(&self, game_id: GameId) -> Result<(), DeedError> {
        let within = self.rules.resume_within;
        let mut tx = self.engines.db.begin().await?;
        let resumed = self.outcomes.engine_well_again(&mut tx, game_id, within).await?;
        if resumed {
            banishments::bring_forward(&mut tx, game_id).await?;
            banishments::enqueue_due(&mut tx, &[game_id], None, None).await?;
        }
        tx.commit().await?;
        if resumed {
            tracing::info!(%game_id, "a game goes on: its engine answers again");
            for topic in [Topic::Notifications, Topic::Turns, Topic::RuntimeJobs] {
                self.waker.wake(topic);
            }
        }
        Ok(())
    }

    /// Removes what has a game's labels and not its name: looked for anew, by the driver. The game's own container is not touched.
    async fn remove_strays(&self, game_id: GameId, why: &str) -> Result<bool, DeedError> {
        let engines = &self.engines;
        engines.op("remove", engines.driver.remove_strays(game_id)).await?;
        let mut conn = engines.db.acquire().await?;
        runtime::count_operation(&mut conn, game_id, "stray", "removed", Some(why)).await?;
        Ok(true)
    }

    /// Removes an unwanted container, if it is still the one that was seen and still unwanted. Its state directory stays.
    async fn remove_orphan(&self, action: &Action) -> Result<bool, DeedError> {
        let (engines, game_id) = (&self.engines, action.game_id);
        let observed = engines.own(game_id).await?;
        if observed.map(|observed| observed.container_id) != action.container_id {
            return Ok(false);
        }
        let mut conn = engines.db.acquire().await?;
        let rows = seen::recorded_side(&mut conn, &engines.daemon_id, &[game_id.uuid()]).await?;
        let row = rows.into_iter().find(|row| row.game_id == game_id);
        let exists = row.is_some();
        // A start that was asked for since the look takes or replaces it.
        let wanted = [GameStatus::Starting, GameStatus::Running].map(GameStatus::as_str);
        if row.is_some_and(|row| row.busy || wanted.contains(&row.game_status.as_str())) {
            return Ok(false);
        }
        drop(conn);
        engines.op("remove", engines.driver.remove(game_id)).await?;
        tracing::warn!(%game_id, container_id = action.container_id, why = action.why, "an unwanted container was removed");
        if exists {
            let mut tx = engines.db.begin().await?;
            if let Some(container_id) = &action.container_id {
                seen::forget_container(&mut tx, game_id, container_id).await?;
            }
            runtime::count_operation(&mut tx, game_id, "orphan", "removed", Some(&action.why)).await?;
            tx.commit().await?;
        }
        Ok(true)
    }
}

/// What a probe saw.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Probed {
    /// It answers.
    Well,
    /// It does not, or there is nobody any more who could.
    Ill,
    /// It answered, and there was no memory to read it: ours, which says nothing of the engine. It is asked again.
    Unread,
}

/// Why a deed was not done.
#[derive(Debug, thiserror::Error)]
enum DeedError {
    #[error(transparent)]
    Pass(#[from] PassError),
    #[error(transparent)]
    Revive(#[from] ReviveError),
}

impl From<shared::db::Error> for DeedError {
    fn from(error: shared::db::Error) -> Self {
        Self::Pass(error.into())
    }
}

impl From<crate::driver::DriverError> for DeedError {
    fn from(error: crate::driver::DriverError) -> Self {
        Self::Pass(error.into())
    }
}
