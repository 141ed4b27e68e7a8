//! A login role for each process, as whoever runs the platform makes them after `migrate roles`.

use std::collections::HashMap;

use anyhow::{Context, Result};
use sqlx::{AssertSqlSafe, Connection, PgConnection};

use super::PROCESSES;
use super::environment::fresh_secret;

/// Makes them, with fresh passwords, in the database of the superuser's `dsn`; answers each process's own DSN.
pub(super) async fn make(dsn: &str) -> Result<HashMap<&'static str, String>> {
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
