//! The pool of connections: counted, bounded in time, and on a Postgres that takes writes.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use opentelemetry::{
    global,
    metrics::{Counter, ObservableGauge},
};
use parking_lot::Mutex;
use sqlx::{Connection as _, PgConnection, PgPool, postgres::PgPoolOptions};
use tokio::{sync::watch, time::timeout};

use super::{
    connection::{Conn, Tx},
    deadline,
    session::{self, Unfit},
};
use crate::{error::is_unavailable, service::config::PostgresConfig};

/// How long a connection may lie idle before it is asked whether it still lives when it is taken out of the pool.
const TRUSTED_IDLE: Duration = Duration::from_secs(1);

/// A connection that is asked whether it lives has so much of the operation timeout to say so: what is left is for a new one.
const SIGN_OF_LIFE: u32 = 4;

/// How long the end waits for connections to come back. By then everything that used them has ended.
const FAREWELL: Duration = Duration::from_secs(1);

/// The limit of a pool that was not made from a configuration; `BACKEND_POSTGRES_OPERATION_TIMEOUT`'s default.
const DEFAULT_LIMIT: Duration = Duration::from_secs(5);

/// The way to Postgres. Cheap to clone. Every use is counted: `db_pool_acquires_total`, `db_pool_waits_total` (no
/// connection was idle when asked for), `db_pool_in_use`.
#[derive(Clone)]
pub struct Db {
    pool: PgPool,
    limit: Duration,
    fitness: Arc<Fitness>,
    acquires: Counter<u64>,
    waits: Counter<u64>,
    _in_use: ObservableGauge<u64>,
}

/// Whether the Postgres at the other end can be worked with.
struct Fitness {
    unfit: watch::Sender<Option<Unfit>>,
    /// Connections made before then may lead to the server that was unfit.
    trusted_from: Mutex<Instant>,
}

impl Fitness {
    fn new() -> Arc<Self> {
        Arc::new(Self { unfit: watch::Sender::new(None), trusted_from: Mutex::new(Instant::now()) })
    }

    fn set(&self, now: Option<Unfit>) {
        let changed = self.unfit.send_if_modified(|unfit| {
            let differs = *unfit != now;
            if differs {
                unfit.clone_from(&now);
            }
            differs
        });
        if !changed {
            return;
        }
        *self.trusted_from.lock() = Instant::now();
        match now {
            Some(unfit) => {
                tracing::error!(reason = %unfit, "Postgres cannot be worked with; nothing is asked of it until it can")
            }
            None => tracing::info!("Postgres can be worked with again"),
        }
    }
}

impl std::fmt::Debug for Db {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Db {{ size: {}, idle: {} }}", self.pool.size(), self.pool.num_idle())
    }
}

impl Db {
    /// Wraps a pool. To be called after telemetry is set up, once a pool.
    #[must_use]
    pub fn new(pool: PgPool) -> Self {
        Self::of(pool, DEFAULT_LIMIT, Fitness::new())
    }

    fn of(pool: PgPool, limit: Duration, fitness: Arc<Fitness>) -> Self {
        let meter = global::meter("galaxy");
        let observed = pool.clone();
        Self {
            acquires: meter.u64_counter("db_pool_acquires_total").with_description("Connections asked for").build(),
            waits: meter
                .u64_counter("db_pool_waits_total")
                .with_description("Connections asked for while none was idle")
                .build(),
            _in_use: meter
                .u64_observable_gauge("db_pool_in_use")
                .with_description("Connections handed out")
                .with_callback(move |gauge| gauge.observe(in_use(&observed), &[]))
                .build(),
            pool,
            limit,
            fitness,
        }
    }

    /// A counted pool with a process's settings. It connects when first used, so that a process starts while Postgres is
    /// down; must be called within a tokio runtime. Every connection is checked to see the schema `backend`, and to lead to a
    /// server that takes writes.
    #[must_use]
    pub fn connect(config: &PostgresConfig, app_name: &str) -> Self {
        let (limit, fitness) = (config.operation_timeout, Fitness::new());
        let (checked, asked) = (Arc::clone(&fitness), Arc::clone(&fitness));
        let pool = PgPoolOptions::new()
            .max_connections(config.max_conns)
            .min_connections(config.min_conns)
            .acquire_timeout(limit)
            .max_lifetime(config.conn_max_lifetime)
            // A round trip before each use is dear; one that was used a moment ago is taken to be alive.
            .test_before_acquire(false)
            .before_acquire(move |conn, meta| {
                let trusted_for = asked.trusted_from.lock().elapsed();
                Box::pin(async move {
                    if meta.age > trusted_for {
                        return Ok(false);
                    }
                    if meta.idle_for > TRUSTED_IDLE {
                        timeout(limit / SIGN_OF_LIFE, conn.ping()).await.map_err(timed_out)??;
                    }
                    Ok(true)
                })
            })
            .after_connect(move |conn, _| {
                let fitness = Arc::clone(&checked);
                Box::pin(async move {
                    let state = timeout(limit, session::check(conn)).await.map_err(timed_out)??;
                    match state {
                        None => Ok(()),
                        Some(unfit) => {
                            let refused = unfit.error();
                            // Whoever waits for a connection hears of it now, instead of when their patience ends.
                            fitness.set(Some(unfit));
                            Err(refused)
                        }
                    }
                })
            })
            .connect_lazy_with(config.options(app_name));
        Self::of(pool, limit, fitness)
    }

    /// A connection.
    ///
    /// # Errors
    /// Why there is none; [`is_unavailable`] holds of all of them: none was free or could be made within the operation
    /// timeout, or Postgres is unfit to be worked with (SPEC §5: a standby, say).
    pub async fn acquire(&self) -> Result<Conn, sqlx::Error> {
        self.acquires.add(1, &[]);
        if self.pool.num_idle() == 0 {
            self.waits.add(1, &[]);
        }
        let mut unfit = self.fitness.unfit.subscribe();
        let unfit = async {
            match unfit.wait_for(Option::is_some).await.ok().and_then(|unfit| unfit.clone()) {
                Some(unfit) => unfit.error(),
                None => std::future::pending().await,
            }
        };
        let pooled = tokio::select! {
            biased;
            error = unfit => Err(error),
            pooled = self.pool.acquire() => pooled,
        };
        match pooled {
            Ok(pooled) => Ok(Conn::new(pooled, self.limit)),
            Err(error) if is_unavailable(&error) => Err(error),
            // A changed password, a database that is not there, a pooler that does not like us: out of reach as well.
            Err(error) => Err(sqlx::Error::Io(std::io::Error::other(error))),
        }
    }

    /// A transaction; it rolls back unless committed.
    ///
    /// # Errors
    /// As [`Db::acquire`], or the server's.
    pub async fn begin(&self) -> Result<Tx, sqlx::Error> {
        Tx::begin(self.acquire().await?).await
    }

    /// Runs work to its end, unless a connection that it holds has gone dead: it is then dropped once a statement has not
    /// been answered for the operation timeout (SPEC §5), and the connection closed.
    ///
    /// # Errors
    /// [`sqlx::Error::Io`] when it was dropped.
    pub async fn within<F: Future>(&self, work: F) -> Result<F::Output, sqlx::Error> {
        deadline::within(self.limit, work).await
    }

    /// [`Db::within`] for work whose errors can say that the database is away.
    ///
    /// # Errors
    /// The work's, or that it was dropped.
    pub async fn try_within<T, E: From<sqlx::Error>>(&self, work: impl Future<Output = Result<T, E>>) -> Result<T, E> {
        self.within(work).await?
    }

    /// The longest that Postgres may take to answer (`BACKEND_POSTGRES_OPERATION_TIMEOUT`).
    #[must_use]
    pub fn operation_timeout(&self) -> Duration {
        self.limit
    }

    /// The pool itself, for what is not worth counting.
    #[must_use]
    pub fn pool(&self) -> &PgPool {
        &self.pool
    }

    /// Closes the pool once all connections have come back, or will not: one on which Postgres is silent has nothing to lose.
    pub async fn close(&self) {
        if timeout(FAREWELL, self.pool.close()).await.is_err() {
            tracing::info!("connections on which Postgres is silent are left behind");
        }
    }

    /// What keeps Postgres from being worked with, as far as is known.
    #[must_use]
    pub fn unfit(&self) -> Option<Unfit> {
        self.fitness.unfit.borrow().clone()
    }

    /// The same as a channel.
    pub(crate) fn watch_unfit(&self) -> watch::Receiver<Option<Unfit>> {
        self.fitness.unfit.subscribe()
    }

    /// Notes what a look at Postgres found. As long as something is the matter, nobody is given a connection; when it is
    /// over, connections from before are closed instead of used again: they lead to the server that it was the matter with.
    pub(crate) fn set_unfit(&self, unfit: Option<Unfit>) {
        self.fitness.set(unfit);
    }

    /// Looks at Postgres over a connection of its own: why there is none to be had (the pool only says that time ran out),
    /// and whether it is fit.
    ///
    /// # Errors
    /// Why it cannot be asked.
    pub async fn diagnose(&self) -> Result<Option<Unfit>, sqlx::Error> {
        let mut conn = PgConnection::connect_with(&self.pool.connect_options()).await?;
        let state = session::check(&mut conn).await?;
        conn.close().await?;
        Ok(state)
    }

    /// Whether prepared statements outlive a change of hands: see [`session::probe_pooler`].
    ///
    /// # Errors
    /// Why it could not be found out.
    pub(crate) async fn probe_pooler(&self) -> Result<Option<Unfit>, sqlx::Error> {
        session::probe_pooler(&self.pool.connect_options()).await
    }
}

fn timed_out(_: tokio::time::error::Elapsed) -> sqlx::Error {
    sqlx::Error::Io(std::io::ErrorKind::TimedOut.into())
}

fn in_use(pool: &PgPool) -> u64 {
    u64::from(pool.size()).saturating_sub(u64::try_from(pool.num_idle()).unwrap_or(0))
}

/// How far the database is migrated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SchemaState {
    /// The newest migration.
    pub applied: i64,
    /// The oldest schema version of a binary that still works on it.
    pub compatible_from: i64,
}

impl SchemaState {
    /// Whether a binary written for `version` fits (SPEC §16): `compatible_from ≤ version ≤ applied`.
    #[must_use]
    pub fn fits(self, version: i64) -> bool {
        self.compatible_from <= version && version <= self.applied
    }
}

/// The newest applied migration; `None` when none ever was.
///
/// # Errors
/// The server's; a missing table is none of them, but `None`.
pub async fn schema_state(conn: &mut PgConnection) -> Result<Option<SchemaState>, sqlx::Error> {
    let state = sqlx::query_as!(
        SchemaState,
        "SELECT version AS applied, compatible_from FROM schema_versions ORDER BY version DESC LIMIT 1"
    )
    .fetch_optional(conn)
    .await;
    match state {
        Err(sqlx::Error::Database(e)) if e.code().as_deref() == Some("42P01") => Ok(None),
        state => state,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_binary_fits_between_the_compatible_and_the_applied_version() {
        let state = SchemaState { applied: 8, compatible_from: 6 };
        assert!(!state.fits(5));
        assert!(state.fits(6) && state.fits(7) && state.fits(8));
        assert!(!state.fits(9));
    }
}
