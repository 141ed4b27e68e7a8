//! The schema's history: numbered SQL with a tested way down, applied by `migrate` as one explicit step (SPEC §16).
//!
//! Every migration inserts its own row into `schema_versions`, with the `compatible_from` that it leaves behind; a process
//! compares that with [`SCHEMA_VERSION`], the newest migration it was built with, and stays unready while they do not fit.

pub mod roles;

use shared::postgres::pool::schema_state;
use sqlx::PgConnection;
use sqlx::migrate::{Migrate, MigrateError, Migrator};

/// Every migration, up and down, embedded at build time.
pub static MIGRATOR: Migrator = sqlx::migrate!("./sql");

/// The schema version that this build was written for: the newest migration's number.
pub use shared::SCHEMA_VERSION;

/// One migrator at a time, from the look at what is there to the last statement. sqlx takes a lock of its own, but only
/// after it has made its bookkeeping table, and `CREATE … IF NOT EXISTS` is no protection against a twin.
const LOCK: i64 = 0x6761_6c61_7879_6d69;

/// Takes the lock, creates the schema `backend` and makes it the search path, so that the bookkeeping table lands there too.
async fn prepare(conn: &mut PgConnection) -> Result<(), MigrateError> {
    sqlx::query("SELECT pg_advisory_lock($1)").bind(LOCK).execute(&mut *conn).await?;
    sqlx::raw_sql("CREATE SCHEMA IF NOT EXISTS backend; SET search_path = backend").execute(&mut *conn).await?;
    conn.ensure_migrations_table(&MIGRATOR.table_name).await
}

/// Gives the lock back. A connection that is lost gives it back too.
async fn release(conn: &mut PgConnection) -> Result<(), MigrateError> {
    sqlx::query("SELECT pg_advisory_unlock($1)").bind(LOCK).execute(&mut *conn).await?;
    Ok(())
}

/// Applies what is pending; answers numbers and descriptions of what this call applied. Of several at once, one applies
/// and the others find nothing to do. So does a build that is rolled back to, on a schema that is newer and still fits it
/// (`compatible_from`, SPEC §16).
///
/// # Errors
/// A failed statement (its migration is rolled back whole), an applied migration whose text has changed since, or one that this
/// build does not know on a schema that does not fit it any more.
pub async fn apply(conn: &mut PgConnection) -> Result<Vec<(i64, String)>, MigrateError> {
    prepare(conn).await?;
    let missing = missing(conn).await?;
    let state = schema_state(conn).await.map_err(|error| match error {
        shared::db::Error::Driver(error) => MigrateError::Execute(error),
        error => MigrateError::Source(error.into()),
    })?;
    let newer = state.is_some_and(|state| state.applied > SCHEMA_VERSION && state.fits(SCHEMA_VERSION));
    // sqlx refuses every version that it does not know.
    let done = if newer && missing.is_empty() { Ok(()) } else { MIGRATOR.run_direct(None, conn, false).await };
    release(conn).await?;
    done.map(|()| missing)
}

/// Undoes migrations, newest first, down to and excluding version `target` (0 undoes all).
///
/// # Errors
/// As [`apply`].
pub async fn undo(conn: &mut PgConnection, target: i64) -> Result<(), MigrateError> {
    prepare(conn).await?;
    let done = MIGRATOR.undo(&mut *conn, target).await;
    release(conn).await?;
    done
}

/// Numbers and descriptions of what is not applied yet.
pub async fn pending(conn: &mut PgConnection) -> Result<Vec<(i64, String)>, MigrateError> {
    prepare(conn).await?;
    let missing = missing(conn).await;
    release(conn).await?;
    missing
}

async fn missing(conn: &mut PgConnection) -> Result<Vec<(i64, String)>, MigrateError> {
    let applied = conn.list_applied_migrations(&MIGRATOR.table_name).await?;
    Ok(MIGRATOR
        .iter()
        .filter(|m| m.migration_type.is_up_migration() && !applied.iter().any(|a| a.version == m.version))
        .map(|m| (m.version, m.description.to_string()))
        .collect())
}
