//! Removing finished rows by age, in small batches, by one worker at a time.

use std::{sync::Arc, time::Duration};

use sqlx::{Connection as _, PgConnection};
use tokio::time::{sleep, timeout};

use super::{
    Queue,
    backoff::jittered,
    engine::{Engine, bounded},
};
use crate::postgres::Error;
use crate::postgres::statement;

/// Rows of one DELETE: short enough to hold up nobody.
const BATCH: i64 = 500;

/// Between two batches, so that removing a backlog of old rows leaves room for the work.
const BREATH: Duration = Duration::from_millis(100);

/// Between two looks for old rows; a short retention is looked after more often.
const PAUSE: Duration = Duration::from_secs(60);

impl<Q: Queue> Engine<Q> {
    pub(super) async fn retention_loop(self: Arc<Self>) {
        let soft = self.deps.lifecycle.soft();
        if self.settings.retention.is_zero() {
            return soft.cancelled().await;
        }
        let interval = PAUSE.min(self.settings.retention);
        let mut pause = jittered(&self.deps.random, interval);
        loop {
            tokio::select! { () = sleep(pause) => {}, () = soft.cancelled() => return }
            pause = jittered(&self.deps.random, interval);
            if !self.deps.worker.lease_valid() || !self.deps.gate.is_open() {
                continue;
            }
            match self.remove_some().await {
                Ok(removed) if removed >= BATCH.unsigned_abs() => pause = BREATH,
                Ok(_) => {}
                Err(error) => tracing::debug!(%error, queue = self.name(), "could not remove old rows"),
            }
        }
    }

    async fn remove_some(&self) -> Result<u64, Error> {
        let mut conn = self.deps.db.acquire().await?;
        let removing = timeout(self.statement_limit(), self.remove(&mut conn)).await;
        let removed = bounded(removing, conn)?;
        if removed > 0 {
            super::metrics::engine().removed(self.name(), removed);
        }
        Ok(removed)
    }

    async fn remove(&self, conn: &mut PgConnection) -> Result<u64, Error> {
        let mut tx = statement::begin("BEGIN", conn.begin()).await?;
        let alone: bool =
            sqlx::query_scalar("SELECT pg_try_advisory_xact_lock(hashtextextended('retention of ' || $1, 0))")
                .bind(self.name())
                .fetch_one(&mut *tx)
                .await?;
        if !alone {
            return Ok(0);
        }
        let age = self.settings.retention.as_secs_f64();
        let removed = self.sql.remove.query().bind(age).bind(BATCH).execute(&mut *tx).await?.rows_affected();
        tx.commit().await?;
        Ok(removed)
    }
}
