//! Figures of each minute for administrators' charts (`docs/administration.md`, "Figures of the last week"). Every controller
//! tries, whether or not its daemon answers; one of them writes each minute.

use std::time::Duration;

use shared::db::{self, Db};
use shared::random::Random;
use shared::service::health::SchemaGate;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

/// How often a controller looks whether the minute is written. Some times a minute, so that one that was busy misses none.
const PAUSE: Duration = Duration::from_secs(15);
/// How long points are kept.
const KEPT: Duration = Duration::from_secs(7 * 24 * 3600);
/// Points that one statement deletes.
const BATCH: u16 = 1_000;

/// Writes the figures of each minute.
pub struct MinuteStats {
    /// Postgres.
    pub db: Db,
    /// Nothing is written while the schema does not fit.
    pub gate: SchemaGate,
    /// Jitter, so that replicas do not come in step.
    pub random: Random,
}

impl MinuteStats {
    /// Writes until the process stops.
    ///
    /// # Errors
    /// None: a pass that fails is logged, and the next one comes.
    pub async fn run(self, stop: CancellationToken) -> anyhow::Result<()> {
        loop {
            tokio::select! {
                () = sleep(PAUSE.mul_f64(0.8 + 0.4 * self.random.unit())) => {}
                () = stop.cancelled() => return Ok(()),
            }
            if !self.gate.is_open() {
                continue;
            }
            if let Err(error) = self.db.try_within(self.pass(&stop)).await {
                tracing::warn!(%error, "the figures of a minute could not be written");
            }
        }
    }

    async fn pass(&self, stop: &CancellationToken) -> Result<(), db::Error> {
        let mut conn = self.db.acquire().await?;
        db::stats::write_minute(&mut conn).await?;
        while !stop.is_cancelled()
            && db::stats::delete_old(&mut conn, KEPT, i64::from(BATCH)).await? == u64::from(BATCH)
        {}
        Ok(())
    }
}
