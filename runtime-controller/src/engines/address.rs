//! Only the game's own engine is called (SPEC §8): an address is forgotten when its container is seen gone or dead, before it can
//! become another's, and one that was found is proven before it is written down.

use std::collections::HashSet;

use shared::db::runtime::{self, seen};
use shared::domain::game::GameStatus;
use shared::engine_client::{EngineError, EngineTarget};
use shared::ids::GameId;

use super::{Engines, ReviveError};
use crate::driver::{Doing, DriverError, EngineSpec, Observed};

impl Engines {
    /// Starts a container that was made. Where it may get an address that another had, those of containers that do not run are
    /// forgotten before.
    ///
    /// # Errors
    /// [`DriverError`]; [`DriverError::Unavailable`] also where the database is away.
    pub async fn start(&self, spec: &EngineSpec) -> Result<(), DriverError> {
        self.free_addresses().await?;
        self.op("start", self.driver.start(spec)).await
    }

    /// As [`start`](Self::start), for as long as the daemon has something to do. Answers whether there is more to wait for.
    pub(super) async fn begin_start(&self, spec: &EngineSpec) -> Result<bool, DriverError> {
        self.free_addresses().await?;
        self.op("start", self.driver.begin_start(spec)).await
    }

    /// Where addresses move: forgets those of all records of this daemon whose containers do not run.
    async fn free_addresses(&self) -> Result<(), DriverError> {
        if !self.driver.addresses_move() {
            return Ok(());
        }
        let away = |error: shared::db::Error| DriverError::Unavailable(format!("the database: {error}"));
        let listed = self.op("list", self.driver.list()).await?;
        let there = listed.iter().filter(|listed| matches!(listed.doing, Doing::Runs | Doing::Frozen));
        let there: HashSet<_> = there.filter_map(|listed| Some((listed.game_id, listed.endpoint.clone()?))).collect();
        let recorded = seen::addresses(&mut *self.db.acquire().await.map_err(away)?, &self.daemon_id).await;
        for recorded in recorded.map_err(away)? {
            if !there.contains(&recorded) {
                let (game_id, endpoint) = recorded;
                // It may have been started since the list: then it is found by the next look.
                if self.runs_at(game_id, &endpoint).await? {
                    continue;
                }
                tracing::info!(%game_id, endpoint, "the address of an engine that does not run is forgotten");
                let mut conn = self.db.acquire().await.map_err(away)?;
                seen::forget_address(&mut conn, game_id, &endpoint).await.map_err(away)?;
            }
        }
        Ok(())
    }

    /// The game's container. Where something that is not ours has its name, the game has none: the stranger stands in the way of the next
    /// one, and whoever makes that is told so.
    ///
    /// # Errors
    /// [`DriverError`], but for [`DriverError::Foreign`].
    pub async fn own(&self, game_id: GameId) -> Result<Option<Observed>, DriverError> {
        match self.op("inspect", self.driver.inspect(game_id)).await {
            Err(DriverError::Foreign(_)) => Ok(None),
            looked => looked,
        }
    }

    async fn runs_at(&self, game_id: GameId, endpoint: &str) -> Result<bool, DriverError> {
        let observed = self.own(game_id).await?;
        Ok(observed.is_some_and(|observed| observed.running && observed.endpoint.as_deref() == Some(endpoint)))
    }

    /// Whether the game's container runs, as the daemon sees it.
    ///
    /// # Errors
    /// [`ReviveError::Driver`].
    pub async fn runs(&self, game_id: GameId) -> Result<bool, ReviveError> {
        let observed = self.own(game_id).await?;
        Ok(observed.is_some_and(|observed| observed.running))
    }

    /// Forgets the recorded address of a game whose container is dead, and the container too where it is gone. Looks first. Answers
    /// whether anything was forgotten.
    ///
    /// # Errors
    /// [`ReviveError`].
    pub async fn forget(&self, game_id: GameId) -> Result<bool, ReviveError> {
        let _alone = self.reviving.enter(game_id).await;
        let observed = self.own(game_id).await?;
        let facts = runtime::engine_facts(&mut *self.db.acquire().await?, game_id, &self.daemon_id).await?;
        let Some(facts) = facts else { return Ok(false) };
        let mut forgotten = false;
        let runs_there =
            observed.as_ref().is_some_and(|observed| observed.running && observed.endpoint == facts.endpoint);
        let mut tx = self.db.begin().await?;
        if let Some(endpoint) = facts.endpoint.as_ref().filter(|_| !runs_there)
            && seen::forget_address(&mut tx, game_id, endpoint).await?
        {
            let why = match &observed {
                None => "its container is gone".to_owned(),
                Some(observed) => observed.ended.clone().unwrap_or_else(|| "it runs elsewhere".to_owned()),
            };
            runtime::count_operation(&mut tx, game_id, "forget", "ok", Some(&why)).await?;
            tracing::info!(%game_id, endpoint, why, "the address of an engine is forgotten");
            forgotten = true;
        }
        if observed.is_none()
            && let Some(container_id) = &facts.container_id
        {
            seen::forget_container(&mut tx, game_id, container_id).await?;
            forgotten = true;
        }
        tx.commit().await?;
        Ok(forgotten)
    }

    /// Writes down a container of ours that runs and is not recorded, or otherwise, where it is the game's: made from what is
    /// recorded, or taking its token. One that is not is removed, and where its game runs the engine brought back. Answers whether
    /// the record changed.
    ///
    /// # Errors
    /// [`ReviveError`].
    pub async fn adopt(&self, game_id: GameId) -> Result<bool, ReviveError> {
        let alone = self.reviving.enter(game_id).await;
        let facts = runtime::engine_facts(&mut *self.db.acquire().await?, game_id, &self.daemon_id).await?;
        let facts = facts.ok_or(ReviveError::NotWanted)?;
        let runs = facts.game_status == GameStatus::Running;
        let Some(observed) = self.own(game_id).await? else { return Ok(false) };
        if !observed.running || runtime::has_active_job(&mut *self.db.acquire().await?, game_id).await? {
            return Ok(false);
        }
        let spec = EngineSpec::recorded(game_id, &facts);
        if self.is_ours(&observed, &spec).await {
            let known =
                facts.endpoint == observed.endpoint && facts.container_id.as_ref() == Some(&observed.container_id);
            let Some(endpoint) = observed.endpoint.filter(|_| !known) else { return Ok(false) };
            let mut tx = self.db.begin().await?;
            runtime::record_endpoint(&mut tx, game_id, &observed.container_id, &endpoint).await?;
            runtime::count_operation(&mut tx, game_id, "adopt", "ok", Some(&format!("it runs at {endpoint}"))).await?;
            tx.commit().await?;
            return Ok(true);
        }
        if runs {
            drop(alone);
            return self.revive(game_id).await.map(|_| true);
        }
        tracing::warn!(%game_id, container_id = observed.container_id, "a container that is not made from its game's record is removed");
        self.op("remove", self.driver.remove(game_id)).await?;
        let mut tx = self.db.begin().await?;
        seen::forget_container(&mut tx, game_id, &observed.container_id).await?;
        let detail = "it was not made from what is recorded, and does not take the game's token";
        runtime::count_operation(&mut tx, game_id, "adopt", "removed", Some(detail)).await?;
        tx.commit().await?;
        Ok(true)
    }

    /// Whether a container that runs is the game's own engine. One that is made from what is recorded is; one that is not may have been
    /// made under other limits: then its token proves it. Who says nothing keeps the benefit of the doubt.
    pub(super) async fn is_ours(&self, observed: &Observed, spec: &EngineSpec) -> bool {
        if observed.fingerprint == self.driver.fingerprint(spec) {
            return true;
        }
        let Some(endpoint) = observed.endpoint.clone() else { return false };
        let target = EngineTarget { endpoint, token: spec.token.clone() };
        match self.client.status(&target).await {
            Ok(status) => status.game_id == spec.game_id,
            Err(EngineError::Problem { status: 401 | 403, .. }) => false,
            Err(_) => true,
        }
    }
}
