//! The watch over running engines: one that died while its game runs is brought back within seconds, not only when its
//! next turn is due. It takes no input: it reads what should run and what runs, anew each time. It is also how the process
//! knows that the daemon answers.
//!
//! The reconciler of SPEC §8 (adoption, orphans, containers gone for good) goes further and takes this one's place.

use std::collections::HashSet;
use std::sync::Arc;

use shared::db::runtime;
use shared::service::health::PartHandle;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use crate::engines::{Engines, ReviveError};

/// Looks until the process stops.
///
/// # Errors
/// When another daemon answers than the one that was met at start: everything this process does is bound to that one.
pub async fn run(engines: Arc<Engines>, part: PartHandle, stop: CancellationToken) -> anyhow::Result<()> {
    let mut away = false;
    loop {
        tokio::select! {
            () = sleep(engines.tuning.watch_interval) => {}
            () = stop.cancelled() => return Ok(()),
        }
        // Broken off anywhere, it leaves nothing that another pass would not see.
        let Some(done) = stop.run_until_cancelled(engines.db.try_within(pass(&engines))).await else { return Ok(()) };
        match done {
            Ok(()) if away => match engines.driver.daemon_id().await {
                Ok(id) if id != engines.daemon_id => {
                    anyhow::bail!("another daemon answers now: {id} in place of {}", engines.daemon_id);
                }
                Ok(_) => {
                    away = false;
                    part.set_ok();
                    tracing::info!("the daemon answers again");
                }
                Err(_) => {}
            },
            Ok(()) => part.set_ok(),
            Err(ReviveError::Driver(error)) => {
                if !std::mem::replace(&mut away, true) {
                    tracing::warn!(%error, "the daemon does not answer");
                }
                part.set_failed(error.to_string());
            }
            Err(error) => tracing::warn!(%error, "the watch could not look"),
        }
    }
}

async fn pass(engines: &Engines) -> Result<(), ReviveError> {
    let running: HashSet<_> = engines.driver.running().await?.into_iter().collect();
    let wanted = runtime::games_to_watch(&mut *engines.db.acquire().await?, &engines.daemon_id).await?;
    for game_id in wanted.into_iter().filter(|game| !running.contains(game)) {
        match engines.revive(game_id).await {
            Ok(_) => tracing::info!(%game_id, "an engine was brought back"),
            Err(ReviveError::NotWanted) => {}
            // Its turn will say what becomes of the game.
            Err(error) => {
                tracing::warn!(%game_id, %error, "an engine could not be brought back");
                runtime::record_health(&mut *engines.db.acquire().await?, game_id, "unhealthy").await?;
            }
        }
    }
    Ok(())
}
