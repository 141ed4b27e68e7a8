//! What the handlers share.

use std::sync::Arc;

use shared::clock::Clock;
use shared::db::Db;
use shared::engine_client::EngineClient;
use shared::queue::wake::Waker;
use shared::random::Random;
use shared::service::health::Health;

use crate::admins::Admins;
use crate::brakes::Brakes;
use crate::code_metrics::CodeMetrics;
use crate::config::Config;
use crate::engine_places::EnginePlaces;
use crate::geo::Geo;

/// One replica's state. Nothing in it is needed by another replica.
pub struct App {
    /// The settings.
    pub config: Arc<Config>,
    /// The database.
    pub db: Db,
    /// Wakes the workers after a commit.
    pub waker: Waker,
    /// Tells the time that files are named after; what decides is the database's clock.
    pub clock: Clock,
    /// Randomness for codes, salts and tokens.
    pub random: Random,
    /// Readiness.
    pub health: Health,
    /// Per-replica brakes.
    pub brakes: Brakes,
    /// Verifies administrators.
    pub admins: Admins,
    /// Counts refused codes.
    pub codes: CodeMetrics,
    /// Calls engines.
    pub engines: EngineClient,
    /// How many such calls may be under way.
    pub engine_places: EnginePlaces,
    /// Tells and counts countries.
    pub geo: Geo,
}
