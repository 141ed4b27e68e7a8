//! Engines and what runs them, together: driver calls that are counted, waiting for health, and bringing an engine back.

mod address;
mod make;
mod revive;
mod reviving;
mod words;

use std::sync::Arc;
use std::time::Duration;

use shared::db::Db;
use shared::engine_client::{EngineClient, EngineError, EngineTarget};
use shared::ids::GameId;
use shared::random::Random;
use shared::secret::Secret;
use tokio::time::{Instant, sleep};

pub use self::revive::ReviveError;
pub use self::reviving::Reviving;
use crate::config::Tuning;
use crate::driver::{Driver, DriverError};
use crate::metrics::Metrics;

/// What jobs, timer and watch work with. One per daemon connection.
pub struct Engines {
    /// The driver.
    pub driver: Arc<dyn Driver>,
    /// The daemon's id, as it was when the process met it.
    pub daemon_id: String,
    /// Calls to engines.
    pub client: EngineClient,
    /// Postgres.
    pub db: Db,
    /// Counters.
    pub metrics: Metrics,
    /// Limits.
    pub tuning: Tuning,
    /// Makes the engines' tokens.
    pub random: Random,
    /// Which engines are being brought back.
    pub reviving: Reviving,
}

/// Why an engine does not become healthy.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unhealthy {
    /// The container ended.
    #[error("the engine ended: {0}")]
    Ended(String),
    /// It runs, and does not answer.
    #[error("the engine runs but /healthz does not answer: {0}")]
    Silent(String),
    /// The daemon is away.
    #[error(transparent)]
    Driver(#[from] DriverError),
}

/// Pause after the first probe that failed; it doubles.
const FIRST_PAUSE: Duration = Duration::from_millis(5);
const LAST_PAUSE: Duration = Duration::from_millis(250);
/// How often a silent engine's container is looked at meanwhile.
const LOOK: Duration = Duration::from_millis(500);

impl Engines {
    /// A token for a container that is to be made: 256 random bits.
    pub fn fresh_token(&self) -> Secret {
        Secret::new(self.random.bytes::<32>().iter().map(|byte| format!("{byte:02x}")).collect())
    }

    /// Runs a driver call and counts it.
    pub async fn op<T>(
        &self,
        op: &'static str,
        call: impl Future<Output = Result<T, DriverError>>,
    ) -> Result<T, DriverError> {
        let done = call.await;
        let outcome = match &done {
            Ok(_) => "ok",
            Err(DriverError::Unavailable(_)) => "unavailable",
            Err(DriverError::Image { .. }) => "image",
            Err(DriverError::Config(_) | DriverError::Foreign(_)) => "config",
            Err(DriverError::Gone(_)) => "gone",
            Err(DriverError::Failed(_)) => "failed",
        };
        self.metrics.container_op(op, outcome);
        done
    }

    /// Asks `/healthz` until it answers, the container ends, or the limit is over.
    ///
    /// # Errors
    /// [`Unhealthy`].
    pub async fn wait_healthy(&self, game_id: GameId, target: &EngineTarget) -> Result<(), Unhealthy> {
        let limit = Instant::now() + self.tuning.health_limit;
        let mut look = Instant::now() + LOOK;
        let mut pause = FIRST_PAUSE;
        loop {
            let error = match self.client.health(target).await {
                Ok(()) => {
                    self.metrics.probe("healthy");
                    return Ok(());
                }
                Err(error) => error,
            };
            self.metrics.probe(probe_outcome(&error));
            if Instant::now() >= look || Instant::now() >= limit {
                look = Instant::now() + LOOK;
                let observed = self.driver.inspect(game_id).await?;
                if !observed.as_ref().is_some_and(|observed| observed.running) {
                    let ended =
                        observed.and_then(|observed| observed.ended).unwrap_or_else(|| "its container is gone".into());
                    return Err(Unhealthy::Ended(ended + &self.words(game_id).await));
                }
            }
            if Instant::now() >= limit {
                return Err(Unhealthy::Silent(format!("{error}{}", self.words(game_id).await)));
            }
            sleep(pause).await;
            pause = (pause * 2).min(LAST_PAUSE);
        }
    }
}

/// A probe's outcome as its metric says it.
pub(crate) fn probe_outcome(error: &EngineError) -> &'static str {
    match error {
        EngineError::Unreachable(_) => "unreachable",
        EngineError::Timeout => "timeout",
        EngineError::NoRoom => "not_read",
        EngineError::Problem { .. } | EngineError::BadAnswer(_) | EngineError::OtherGame(_) => "unhealthy",
    }
}
