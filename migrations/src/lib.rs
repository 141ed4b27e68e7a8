//! The schema's history: numbered SQL with a tested way down, applied by `migrate` as one explicit step (SPEC §16).
//!
//! Every migration inserts its own row into `schema_versions`, with the `compatible_from` that it leaves behind; a process
//! compares that with [`SCHEMA_VERSION`], the newest migration it was built with, and stays unready while they do not fit.

use sqlx::PgConnection;
use sqlx::migrate::{Migrate, MigrateError, Migrator};

/// Every migration, up and down, embedded at build time.
pub static MIGRATOR: Migrator = sqlx::migrate!("./sql");

/// The schema version that this build was written for: the newest migration's number.
pub use shared::SCHEMA_VERSION;

/// Creates the schema `backend` and makes it the connection's search path, so that the bookkeeping table lands there too.
///
/// # Errors
/// What Postgres answers, for instance when the role may not create a schema.
async fn prepare(conn: &mut PgConnection) -> Result<(), MigrateError> {
    sqlx::raw_sql("CREATE SCHEMA IF NOT EXISTS backend; SET search_path = backend").execute(&mut *conn).await?;
    Ok(())
}

/// Applies what is pending, under the migrator's advisory lock: of several at once, one applies and the others find nothing to do.
///
/// # Errors
/// A failed statement (its migration is rolled back whole), or an applied migration whose text has changed since.
pub async fn apply(conn: &mut PgConnection) -> Result<(), MigrateError> {
    prepare(conn).await?;
    MIGRATOR.run_direct(None, conn, false).await
}

/// Undoes migrations, newest first, down to and excluding version `target` (0 undoes all).
///
/// # Errors
/// As [`apply`].
pub async fn undo(conn: &mut PgConnection, target: i64) -> Result<(), MigrateError> {
    prepare(conn).await?;
    MIGRATOR.undo(conn, target).await
}

/// Numbers and descriptions of what is not applied yet.
///
/// # Errors
/// What Postgres answers.
pub async fn pending(conn: &mut PgConnection) -> Result<Vec<(i64, String)>, MigrateError> {
    prepare(conn).await?;
    conn.ensure_migrations_table(&MIGRATOR.table_name).await?;
    let applied = conn.list_applied_migrations(&MIGRATOR.table_name).await?;
    Ok(MIGRATOR
        .iter()
        .filter(|m| m.migration_type.is_up_migration() && !applied.iter().any(|a| a.version == m.version))
        .map(|m| (m.version, m.description.to_string()))
        .collect())
}
