//! The watch over the games' state directories (SPEC §8): nothing but an engine itself keeps one from growing, so each is measured
//! now and then. Over `BACKEND_RUNTIME_STATE_LIMIT` the game is paused, or its start fails, and the administrators are told; an
//! engine that goes on writing is stopped at twice as much.
//!
//! It takes no input and keeps nothing: a pass reads anew which games there are and what they hold, within a budget.
//! `docs/containers.md` has the table of what follows from what.

mod measure;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use shared::db::runtime::{self, GameOnDisk};
use shared::domain::game::GameStatus;
use shared::ids::GameId;
use shared::queue::{Topic, Waker};
use shared::service::health::SchemaGate;
use tokio::time::{Instant, sleep, timeout};
use tokio_util::sync::CancellationToken;

pub use self::measure::{Size, Unmeasurable, measure};
use crate::engines::Engines;
use crate::outcome::{Outcomes, StateSize};

/// Games read at once.
const PAGE: i64 = 200;
/// The longest that one directory may take: a disk that hangs holds nobody else's measurement up.
const ONE: Duration = Duration::from_secs(10);

/// What the watch works with.
pub struct StateWatch {
    /// The daemon's games.
    pub engines: Arc<Engines>,
    /// Tells.
    pub outcomes: Outcomes,
    /// `BACKEND_GAME_STATE_ROOT`.
    pub state_root: PathBuf,
    /// `BACKEND_RUNTIME_STATE_LIMIT`, in bytes.
    pub limit: u64,
    /// Nothing is written while the schema does not fit.
    pub gate: SchemaGate,
    /// What a pass tells and enqueues is worked at once.
    pub waker: Waker,
}

impl StateWatch {
    /// Measures until the process stops.
    ///
    /// # Errors
    /// None: what goes wrong in a pass is logged, and looked at again by the next.
    pub async fn run(self, stop: CancellationToken) -> anyhow::Result<()> {
        loop {
            tokio::select! {
                () = sleep(self.engines.tuning.state_interval) => {}
                () = stop.cancelled() => return Ok(()),
            }
            if !self.gate.is_open() {
                continue;
            }
            let Some(done) = stop.run_until_cancelled(self.pass()).await else { return Ok(()) };
            if let Err(error) = done {
                tracing::warn!(%error, "the state directories could not be looked at");
            }
        }
    }

    /// One look at every directory.
    pub async fn pass(&self) -> Result<(), shared::db::Error> {
        let (begun, mut after) = (Instant::now(), None);
        let mut measured = 0_u64;
        loop {
            let page = self.page(after).await?;
            let Some(last) = page.last() else { break };
            after = Some(last.game_id);
            for game in page {
                self.look(&game).await?;
                measured += 1;
            }
        }
        if begun.elapsed() > self.engines.tuning.state_interval {
            tracing::warn!(measured, took = ?begun.elapsed(), "measuring the state directories takes longer than its interval");
        }
        Ok(())
    }

    async fn page(&self, after: Option<GameId>) -> Result<Vec<GameOnDisk>, shared::db::Error> {
        let engines = &self.engines;
        runtime::games_on_disk(&mut *engines.db.acquire().await?, &engines.daemon_id, after, PAGE).await
    }

    async fn look(&self, game: &GameOnDisk) -> Result<(), shared::db::Error> {
        let dir = self.state_root.join(game.game_id.to_string());
        let measuring = tokio::task::spawn_blocking(move || measure(&dir));
        let size = match timeout(ONE, measuring).await {
            Ok(Ok(Ok(Some(size)))) if size.bytes <= self.limit => return Ok(()),
            Ok(Ok(Ok(Some(size)))) => StateSize {
                far_over: size.bytes / 2 > self.limit,
                reason: format!(
                    "the state directory holds {} in {} files, and may hold {} (BACKEND_RUNTIME_STATE_LIMIT)",
                    human(size.bytes),
                    size.entries,
                    human(self.limit)
                ),
            },
            Ok(Ok(Ok(None))) => return Ok(()),
            Ok(Ok(Err(why))) => StateSize {
                // More files than are counted are no mistake.
                far_over: why == Unmeasurable::Entries,
                reason: format!("the state directory counts as over its limit: {why}"),
            },
            Ok(Err(panic)) => {
                tracing::error!(game_id = %game.game_id, %panic, "measuring a state directory broke");
                return Ok(());
            }
            Err(_) => {
                tracing::warn!(game_id = %game.game_id, "a state directory could not be measured within {ONE:?}");
                return Ok(());
            }
        };
        // Paused already, and no more to be done about it: no lock is taken.
        if game.status == GameStatus::Paused && !(size.far_over && game.container_id.is_some()) {
            return Ok(());
        }
        // Its start failed, which is all that can be done to it, unless its engine is there all the same.
        if game.status == GameStatus::StartFailed && !self.runs(game.game_id).await {
            return Ok(());
        }
        let mut tx = self.engines.db.begin().await?;
        let done = self.outcomes.on_state_size(&mut tx, game.game_id, &size).await?;
        tx.commit().await?;
        if done {
            tracing::warn!(game_id = %game.game_id, reason = size.reason, "a game's state directory is too large");
            for topic in [Topic::Notifications, Topic::RuntimeJobs] {
                self.waker.wake(topic);
            }
        }
        Ok(())
    }
}

impl StateWatch {
    /// Whether an engine writes: one that nobody can tell of is looked at by the next pass.
    async fn runs(&self, game_id: GameId) -> bool {
        let runs = self.engines.runs(game_id).await;
        runs.unwrap_or_else(|error| {
            tracing::debug!(%game_id, %error, "whether the engine of a start that failed runs is not known");
            false
        })
    }
}

/// Bytes for people.
fn human(bytes: u64) -> String {
    let units = [(30, "GiB"), (20, "MiB"), (10, "KiB")];
    for (shift, unit) in units {
        let tenths = (u128::from(bytes) * 10) >> shift;
        if tenths >= 10 {
            return format!("{}.{} {unit}", tenths / 10, tenths % 10);
        }
    }
    format!("{bytes} B")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_written_for_people() {
        for (bytes, text) in
            [(0, "0 B"), (1023, "1023 B"), (1536, "1.5 KiB"), (1 << 30, "1.0 GiB"), (u64::MAX, "17179869183.9 GiB")]
        {
            assert_eq!(human(bytes), text);
        }
    }
}
