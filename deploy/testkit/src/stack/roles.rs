//! A login role for each process, as whoever runs the platform makes them after `migrate roles`, and who has come under which.

use std::collections::HashMap;

use anyhow::{Context, Result};
use sqlx::{AssertSqlSafe, Connection, PgConnection};

use super::PROCESSES;
use super::environment::fresh_secret;

/// Makes them, with fresh passwords, in the database of the superuser's `dsn`; answers each process's own DSN.
///
/// # Errors
/// When one cannot be made: its group is not there yet.
pub async fn make(dsn: &str) -> Result<HashMap<&'static str, String>> {
    let (_, place) = dsn.rsplit_once('@').context("a DSN without a user")?;
    let plain = dsn.split('?').next().unwrap_or(dsn);
    let mut conn = PgConnection::connect(plain).await.context("connect to make the login roles")?;
    let mut dsns = HashMap::new();
    for process in PROCESSES {
        let group = process.split('-').next().unwrap_or(process);
        let (login, password) = (format!("{group}_login"), fresh_secret());
        sqlx::raw_sql(AssertSqlSafe(format!(
            "DROP ROLE IF EXISTS {login}; CREATE ROLE {login} LOGIN PASSWORD '{password}' IN ROLE galaxy_{group}"
        )))
        .execute(&mut conn)
        .await
        .with_context(|| format!("make {login}"))?;
        dsns.insert(process, format!("postgres://{login}:{password}@{place}"));
    }
    conn.close().await?;
    Ok(dsns)
}

/// The roles under which somebody else than ourselves is connected to the database of the superuser's `dsn`, in their order.
///
/// # Errors
/// When Postgres does not answer.
pub async fn connected(dsn: &str) -> Result<Vec<String>> {
    let plain = dsn.split('?').next().unwrap_or(dsn);
    let mut conn = PgConnection::connect(plain).await.context("connect to see who else is")?;
    let roles = sqlx::query_scalar(
        "SELECT DISTINCT usename::text FROM pg_stat_activity
          WHERE datname = current_database() AND pid <> pg_backend_pid() AND backend_type = 'client backend' ORDER BY 1",
    )
    .fetch_all(&mut conn)
    .await?;
    conn.close().await?;
    Ok(roles)
}
