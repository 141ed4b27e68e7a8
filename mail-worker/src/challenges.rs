//! Removes sign-in challenges that ended long ago, and sanctions of deleted accounts that have ended. It lives here because this worker
//! handles the challenges' mails; it is no queue.

use std::time::Duration;

use shared::db::{Db, challenges::remove_ended, sanctions::remove_ended_carried};
use shared::random::Random;
use shared::service::health::SchemaGate;
use tokio_util::sync::CancellationToken;

/// Between two passes, jittered so that replicas do not sweep together.
const PAUSE: Duration = Duration::from_secs(600);
/// Rows of one statement.
const BATCH: i64 = 1000;

/// Sweeps until stopped. An age of zero keeps challenges for ever; a sanction that has ended is of no use to anybody, and goes.
pub async fn sweep(age: Duration, db: Db, mut gate: SchemaGate, random: Random, stop: CancellationToken) {
    let sweeping = async {
        loop {
            gate.opened().await;
            match db.try_within(pass(age, &db)).await {
                Ok((0, 0)) => {}
                Ok((challenges, sanctions)) => {
                    tracing::info!(
                        challenges,
                        sanctions,
                        "ended sign-in challenges and sanctions of deleted accounts removed"
                    );
                }
                Err(error) => tracing::warn!(%error, "what has ended of sign-ins could not be removed; next time"),
            }
            tokio::time::sleep(PAUSE.mul_f64(0.8 + 0.4 * random.unit())).await;
        }
    };
    stop.run_until_cancelled(sweeping).await;
}

/// How many challenges and how many sanctions it removed.
async fn pass(age: Duration, db: &Db) -> Result<(u64, u64), shared::db::Error> {
    let mut conn = db.acquire().await?;
    let (mut challenges, mut sanctions) = (0, 0);
    loop {
        let of_challenges = if age.is_zero() { 0 } else { remove_ended(&mut conn, age, BATCH).await? };
        let of_sanctions = remove_ended_carried(&mut conn, BATCH).await?;
        (challenges, sanctions) = (challenges + of_challenges, sanctions + of_sanctions);
        if of_challenges.max(of_sanctions) < BATCH.unsigned_abs() {
            return Ok((challenges, sanctions));
        }
    }
}
