//! Removes what is past its window: ticks, then whole slots of events, and ids and subscribers long after.

use std::sync::Arc;
use std::time::Duration;

use shared::db::push_log;
use tokio::time::Instant;

use super::Hub;

const BATCH: u16 = 5_000;
/// Slots are an hour each, ids and subscribers are kept for days: these need no haste.
const SLOW_INTERVAL: Duration = Duration::from_secs(60);
const SUBSCRIBERS_KEPT: Duration = Duration::from_secs(7 * 24 * 3600);

/// Every replica does it; what one removed the next does not find.
pub(super) async fn run(hub: Arc<Hub>) -> anyhow::Result<()> {
    let soft = hub.lifecycle.soft();
    let work = async {
        hub.gate.clone().opened().await;
        let mut slow_due = Instant::now() + SLOW_INTERVAL;
        loop {
            tokio::time::sleep(hub.config.retention_interval).await;
            let slow = Instant::now() >= slow_due;
            if slow {
                slow_due = Instant::now() + SLOW_INTERVAL;
            }
            match hub.db.try_within(pass(&hub, slow)).await {
                Ok(()) => {}
                // The follower has said so already.
                Err(error) if error.is_unavailable() => {
                    tracing::debug!(%error, "the push log was not cleaned this time")
                }
                // A missing right, say: nobody else would tell why the log grows.
                Err(error) => tracing::warn!(%error, "the push log could not be cleaned"),
            }
        }
    };
    tokio::select! {
        () = soft.cancelled() => {}
        () = work => {}
    }
    Ok(())
}

async fn pass(hub: &Hub, slow: bool) -> Result<(), shared::db::Error> {
    let window = hub.config.freshness_window;
    let mut conn = hub.db.acquire().await?;
    while push_log::expire_ticks(&mut conn, window, i64::from(BATCH)).await? >= u64::from(BATCH) {}
    if !slow {
        return Ok(());
    }
    while push_log::forget_ids(&mut conn, hub.config.ids_kept.max(window), i64::from(BATCH)).await? >= u64::from(BATCH)
    {
    }
    push_log::forget_subscribers(&mut conn, SUBSCRIBERS_KEPT).await?;
    let filled = push_log::filled_slots(&mut conn).await?;
    drop(conn);
    for slot in filled {
        let mut tx = hub.db.begin().await?;
        match push_log::empty_slot(&mut tx, slot).await {
            Ok(true) => {
                tx.commit().await?;
                tracing::info!(slot, "emptied a slot of the push log");
            }
            Ok(false) => {}
            Err(error) if error.is_locked() => tracing::debug!(slot, "slot not emptied this time: it is in use"),
            Err(error) => return Err(error),
        }
    }
    Ok(())
}
