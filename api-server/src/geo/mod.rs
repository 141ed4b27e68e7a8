//! From which country a request comes (SPEC §14): declared once at registration, counted on each request of a user.
//!
//! Nothing here blocks or fails a request: a look-up reads memory, a count goes to memory, and both files and tables are
//! looked after in the background. `docs/geo.md` has the whole story.

mod counts;
mod database;
mod file;
mod lookup;
mod metrics;

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use shared::db::Db;
use shared::domain::country::CountryCode;
use shared::ids::UserId;
use shared::service::health::{Health, PartKind};
use shared::service::lifecycle::Lifecycle;

use crate::config::GeoConfig;
use counts::Counts;
use database::Database;
use metrics::Metrics;

/// How long the start waits for the first reading of the file: accounts are made with a country from the first request on, if
/// the disk plays along.
const FIRST_READING: Duration = Duration::from_secs(5);

/// Budget of the last flush at shutdown.
const FLUSH_BUDGET: Duration = Duration::from_secs(3);

/// Tells countries and counts them; clones share the same. Switched off it knows no country and does nothing.
#[derive(Clone)]
pub struct Geo(Option<Arc<Inner>>);

struct Inner {
    database: Database,
    counts: Counts,
    metrics: Metrics,
}

impl Geo {
    /// Reads the database, and starts what keeps it current and what writes the counts. A file that is missing or broken
    /// is waited for.
    pub async fn start(config: Option<&GeoConfig>, db: &Db, lifecycle: &Lifecycle, health: &Health) -> Self {
        let Some(config) = config else { return Self(None) };
        let metrics = Metrics::new();
        let inner = Arc::new(Inner {
            database: Database::new(config.db_path.clone(), health.part("geoip", PartKind::Degraded), metrics.clone()),
            counts: Counts::new(metrics.clone()),
            metrics,
        });
        let me = Arc::clone(&inner);
        let reading = tokio::task::spawn_blocking(move || me.database.look());
        let _ = tokio::time::timeout(FIRST_READING, reading).await;

        let (me, soft, every) = (Arc::clone(&inner), lifecycle.soft(), config.reload_interval);
        lifecycle.spawn("geoip file", async move {
            soft.run_until_cancelled(database::watch(me, every)).await;
            Ok(())
        });
        let (me, pool, every) = (Arc::clone(&inner), db.clone(), config.flush_interval);
        let (soft, hard) = (lifecycle.soft(), lifecycle.hard());
        lifecycle.spawn("geo counts", async move {
            hard.run_until_cancelled(me.counts.keep_flushing(&pool, every, &soft)).await;
            Ok(())
        });
        // Requests are drained after the task above has ended, and count too.
        let (me, pool) = (Arc::clone(&inner), db.clone());
        lifecycle.on_shutdown("geo counts", FLUSH_BUDGET, async move { me.counts.flush_at_last(&pool).await });
        Self(Some(inner))
    }

    /// The country of an address, if the database knows it.
    pub fn country(&self, ip: IpAddr) -> Option<CountryCode> {
        let inner = self.0.as_ref()?;
        let found = inner.database.country(ip);
        inner.metrics.looked_up(&found);
        found.ok().flatten()
    }

    /// Counts a request of a user.
    pub fn count(&self, user_id: UserId, ip: IpAddr) {
        if let (Some(country), Some(inner)) = (self.country(ip), &self.0) {
            inner.counts.add(user_id, country, 1);
        }
    }
}
