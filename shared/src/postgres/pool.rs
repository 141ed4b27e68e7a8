//! The pool of connections: counted, bounded in time, and on a Postgres that takes writes.

use std::{sync::Arc, time::Duration};

use deadpool::managed::{PoolError, QueueMode};
use opentelemetry::{
    global,
    metrics::{Counter, ObservableGauge},
};
use sqlx::{Connection as _, PgConnection, postgres::PgConnectOptions};
use tokio::{sync::watch, time::timeout};

use super::{
    connection::{Conn, Tx},
    deadline,
    fitness::Fitness,
    maker::{self, Maker, Pool},
    session::{self, Unfit},
};
use crate::config::PostgresConfig;
use crate::postgres::Error;

/// How long the end waits for idle connections to say good-bye.
const FAREWELL: Duration = Duration::from_secs(1);

/// The limit of a pool that was not made from a configuration; `BACKEND_POSTGRES_OPERATION_TIMEOUT`'s default.
const DEFAULT_LIMIT: Duration = Duration::from_secs(5);

/// The way to Postgres. Cheap to clone. Every use is counted: `db_pool_acquires_total`, `db_pool_waits_total` (no
/// connection was idle when asked for), `db_pool_in_use`.
#[derive(Clone)]
pub struct Db {
    pool: Pool,
    limit: Duration,
    fitness: Arc<Fitness>,
    acquires: Counter<u64>,
    waits: Counter<u64>,
    _in_use: ObservableGauge<u64>,
}

impl std::fmt::Debug for Db {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let status = self.pool.status();
        write!(f, "Db {{ size: {}, idle: {} }}", status.size, status.available)
    }
}

impl Db {
    /// A pool of up to `max_conns` connections, for tests and benches: nothing is asked of a connection before it is used.
    /// To be called after telemetry is set up.
    #[must_use]
    pub fn new(options: PgConnectOptions, max_conns: u32) -> Self {
        let fitness = Fitness::new();
        let maker = Maker::unchecked(options, DEFAULT_LIMIT, Arc::clone(&fitness));
        Self::of(maker, max_conns, fitness)
    }

    fn of(maker: Maker, max_conns: u32, fitness: Arc<Fitness>) -> Self {
        let limit = maker.limit();
        // The one that was used longest ago comes first: where all have gone dead at once, it is the likeliest to be asked for a
        // sign of life before it is trusted.
        let built = Pool::builder(maker).max_size(max_conns as usize).queue_mode(QueueMode::Fifo).build();
        let pool = built.unwrap_or_else(|never| unreachable!("no time limits were set: {never}"));
        let meter = global::meter("galaxy");
        let observed = pool.weak();
        Self {
            acquires: meter.u64_counter("db_pool_acquires_total").with_description("Connections asked for").build(),
            waits: meter
                .u64_counter("db_pool_waits_total")
                .with_description("Connections asked for while none was idle")
                .build(),
            _in_use: meter
                .u64_observable_gauge("db_pool_in_use")
                .with_description("Connections handed out")
                .with_callback(move |gauge| gauge.observe(observed.upgrade().map_or(0, |pool| in_use(&pool)), &[]))
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
        let fitness = Fitness::new();
        let maker = Maker::new(config, app_name, Arc::clone(&fitness));
        let db = Self::of(maker, config.max_conns, fitness);
        tokio::spawn(maker::keep(db.pool.weak(), config.min_conns as usize));
        db
    }

    /// A connection.
    ///
    /// # Errors
    /// Why there is none; [`Error::is_unavailable`] holds of all of them: none was free or could be made within the operation
    /// timeout, or Postgres is unfit to be worked with (SPEC §5: a standby, say).
    pub async fn acquire(&self) -> Result<Conn, Error> {
        self.acquires.add(1, &[]);
        if self.pool.status().available == 0 {
            self.waits.add(1, &[]);
        }
        let mut unfit = self.fitness.watch();
        let unfit = async {
            match unfit.wait_for(Option::is_some).await.ok().and_then(|unfit| unfit.clone()) {
                Some(unfit) => Error::Unfit(unfit),
                None => std::future::pending().await,
            }
        };
        let pooled = tokio::select! {
            biased;
            error = unfit => Err(error),
            pooled = timeout(self.limit, Box::pin(self.pool.get())) => match pooled {
                Ok(Ok(pooled)) => Ok(pooled),
                Ok(Err(PoolError::Backend(error))) => Err(error),
                Ok(Err(PoolError::Closed)) => Err(Error::Closed),
                Ok(Err(other)) => Err(Error::Unreachable(Box::new(other))),
                Err(_elapsed) => Err(Error::NoneFree),
            },
        };
        match pooled {
            Ok(pooled) => Ok(Conn::new(pooled, self.limit)),
            Err(error) if error.is_unavailable() => Err(error),
            // A changed password, a database that is not there, a pooler that does not like us: out of reach as well.
            Err(error) => Err(Error::Unreachable(Box::new(error))),
        }
    }

    /// A transaction; it rolls back unless committed.
    ///
    /// # Errors
    /// As [`Db::acquire`], or the server's.
    pub async fn begin(&self) -> Result<Tx, Error> {
        Tx::begin(self.acquire().await?).await
    }

    /// Runs work to its end, unless a connection that it holds has gone dead: it is then dropped once a statement has not
    /// been answered for the operation timeout (SPEC §5), and the connection closed.
    ///
    /// # Errors
    /// [`Error::Silent`] when it was dropped.
    pub async fn within<F: Future>(&self, work: F) -> Result<F::Output, Error> {
        deadline::within(self.limit, work).await
    }

    /// [`Db::within`] for work whose errors can say that the database is away.
    ///
    /// # Errors
    /// The work's, or that it was dropped.
    pub async fn try_within<T, E: From<Error>>(&self, work: impl Future<Output = Result<T, E>>) -> Result<T, E> {
        self.within(work).await?
    }

    /// The longest that Postgres may take to answer (`BACKEND_POSTGRES_OPERATION_TIMEOUT`).
    #[must_use]
    pub fn operation_timeout(&self) -> Duration {
        self.limit
    }

    /// The options of the pool's connections, for one outside of it.
    #[must_use]
    pub fn options(&self) -> &PgConnectOptions {
        self.pool.manager().options()
    }

    /// Closes the pool. Idle connections say good-bye; one that is still in use is closed when it is given back.
    pub async fn close(&self) {
        let idle = self.pool.retain(|_, _| false).removed;
        self.pool.close();
        let farewells = futures::future::join_all(idle.into_iter().map(|session| session.close()));
        if timeout(FAREWELL, farewells).await.is_err() {
            tracing::info!("connections on which Postgres is silent are left behind");
        }
    }

    /// What keeps Postgres from being worked with, as far as is known.
    #[must_use]
    pub fn unfit(&self) -> Option<Unfit> {
        self.fitness.unfit()
    }

    /// The same as a channel.
    pub(crate) fn watch_unfit(&self) -> watch::Receiver<Option<Unfit>> {
        self.fitness.watch()
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
    pub async fn diagnose(&self) -> Result<Option<Unfit>, Error> {
        let mut conn = PgConnection::connect_with(self.options()).await?;
        let state = session::check(&mut conn).await?;
        conn.close().await?;
        Ok(state)
    }

    /// Whether prepared statements outlive a change of hands: see [`session::probe_pooler`].
    ///
    /// # Errors
    /// Why it could not be found out.
    pub(crate) async fn probe_pooler(&self) -> Result<Option<Unfit>, Error> {
        session::probe_pooler(self.options()).await
    }
}

fn in_use(pool: &Pool) -> u64 {
    let status = pool.status();
    u64::try_from(status.size.saturating_sub(status.available)).unwrap_or(u64::MAX)
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
pub async fn schema_state(conn: &mut PgConnection) -> Result<Option<SchemaState>, Error> {
    let state = sqlx::query_as!(
        SchemaState,
        "SELECT version AS applied, compatible_from FROM schema_versions ORDER BY version DESC LIMIT 1"
    )
    .fetch_optional(conn)
    .await
    .map_err(Error::from);
    match state {
        Err(error) if error.is_no_table() => Ok(None),
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
