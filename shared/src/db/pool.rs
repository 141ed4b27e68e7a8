//! The pool of connections, counted; and the statements that every process needs before any other.

use opentelemetry::{
    global,
    metrics::{Counter, ObservableGauge},
};
use sqlx::{Connection as _, PgConnection, PgPool, Postgres, Transaction, pool::PoolConnection};

use crate::service::config::PostgresConfig;

/// The schema that every unqualified name must resolve to (SPEC §16).
const SCHEMA: &str = "backend";

/// The way to Postgres. Cheap to clone. Every use is counted: `db_pool_acquires_total`, `db_pool_waits_total` (no
/// connection was idle when asked for), `db_pool_in_use`.
#[derive(Clone)]
pub struct Db {
    pool: PgPool,
    acquires: Counter<u64>,
    waits: Counter<u64>,
    _in_use: ObservableGauge<u64>,
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
        }
    }

    /// A counted pool with a process's settings; it connects when first used.
    #[must_use]
    pub fn connect(config: &PostgresConfig, app_name: &str) -> Self {
        Self::new(config.connect_pool(app_name))
    }

    /// A connection.
    ///
    /// # Errors
    /// [`sqlx::Error::PoolTimedOut`] when none was to be had within the operation timeout, or the connecting's own.
    pub async fn acquire(&self) -> Result<PoolConnection<Postgres>, sqlx::Error> {
        self.count();
        self.pool.acquire().await
    }

    /// A transaction; it rolls back unless committed.
    ///
    /// # Errors
    /// As [`Db::acquire`], or the server's.
    pub async fn begin(&self) -> Result<Transaction<'static, Postgres>, sqlx::Error> {
        self.count();
        self.pool.begin().await
    }

    /// The pool itself, for what is not worth counting.
    #[must_use]
    pub fn pool(&self) -> &PgPool {
        &self.pool
    }

    /// Closes the pool once all connections have come back.
    pub async fn close(&self) {
        self.pool.close().await;
    }

    /// Why there is no connection to be had: the pool only says that time ran out. Opens one connection of its own.
    ///
    /// # Errors
    /// The reason. `Ok` when the connection was made after all.
    pub async fn diagnose(&self) -> Result<(), sqlx::Error> {
        let mut conn = PgConnection::connect_with(&self.pool.connect_options()).await?;
        check_current_schema(&mut conn).await?;
        conn.close().await
    }

    fn count(&self) {
        self.acquires.add(1, &[]);
        if self.pool.num_idle() == 0 {
            self.waits.add(1, &[]);
        }
    }
}

fn in_use(pool: &PgPool) -> u64 {
    u64::from(pool.size()).saturating_sub(u64::try_from(pool.num_idle()).unwrap_or(0))
}

/// Refuses a connection on which unqualified names would not resolve to the schema `backend`.
///
/// # Errors
/// [`sqlx::Error::Configuration`] that says what is the matter, or the server's.
pub async fn check_current_schema(conn: &mut PgConnection) -> Result<(), sqlx::Error> {
    let schema = sqlx::query_scalar!("SELECT current_schema()::text").fetch_one(conn).await?;
    match schema.as_deref() {
        Some(SCHEMA) => Ok(()),
        Some(other) => Err(sqlx::Error::Configuration(
            format!("current_schema() is {other:?}, not {SCHEMA:?}: does a pooler drop search_path?").into(),
        )),
        None => Err(sqlx::Error::Configuration(
            format!("the schema {SCHEMA:?} does not exist or may not be used: run `migrate`, or grant USAGE on it")
                .into(),
        )),
    }
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
