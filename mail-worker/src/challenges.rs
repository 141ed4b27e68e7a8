//! Removes sign-in challenges that ended long ago. It lives here because this worker handles their mails; it is no queue.

use std::time::Duration;

use shared::db::{Db, challenges::remove_ended};
use shared::random::Random;
use shared::service::health::SchemaGate;
use tokio_util::sync::CancellationToken;

/// Between two passes, jittered so that replicas do not sweep together.
const PAUSE: Duration = Duration::from_secs(600);
/// Rows of one statement.
const BATCH: i64 = 1000;

/// Sweeps until stopped. Zero keeps challenges for ever.
pub async fn sweep(age: Duration, db: Db, mut gate: SchemaGate, random: Random, stop: CancellationToken) {
    if age.is_zero() {
        return stop.cancelled().await;
    }
    let sweeping = async {
        loop {
            gate.opened().await;
            match db.try_within(pass(age, &db)).await {
                Ok(0) => {}
                Ok(removed) => tracing::info!(removed, "ended sign-in challenges removed"),
                Err(error) => tracing::warn!(%error, "ended sign-in challenges could not be removed; next time"),
            }
            tokio::time::sleep(PAUSE.mul_f64(0.8 + 0.4 * random.unit())).await;
        }
    };
    stop.run_until_cancelled(sweeping).await;
}

async fn pass(age: Duration, db: &Db) -> Result<u64, sqlx::Error> {
    let mut conn = db.acquire().await?;
    let mut total = 0;
    loop {
        let removed = remove_ended(&mut conn, age, BATCH).await?;
        total += removed;
        if removed < BATCH.unsigned_abs() {
            return Ok(total);
        }
    }
}
