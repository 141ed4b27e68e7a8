//! What a session must be like before it is worked with: in our schema, on a server that takes writes, and without a pooler
//! that loses prepared statements.

use crate::postgres::Error;
use std::fmt;

use sqlx::{
    Connection as _, PgConnection, Row as _,
    postgres::{PgConnectOptions, PgRow},
};

/// The schema that every unqualified name must resolve to (SPEC §16).
const SCHEMA: &str = "backend";

/// So many others hold a transaction while the pooler is asked for the first one's statement again.
const HOLDERS: usize = 3;

/// What is the matter with a Postgres that answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unfit {
    /// Sessions are read-only: a standby, a primary that was demoted, `default_transaction_read_only`.
    ReadOnly,
    /// A pooler in front of it hands a session's statements to servers that have never heard of them.
    Pooler(String),
}

impl fmt::Display for Unfit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ReadOnly => f.write_str("Postgres is read-only: a standby, or default_transaction_read_only is on"),
            Self::Pooler(said) => write!(
                f,
                "a pooler in front of Postgres loses prepared statements ({said}): set it to session mode, or, with PgBouncer \
                 1.21 or newer, set max_prepared_statements",
            ),
        }
    }
}

/// Looks at a session: what it is unfit for.
///
/// # Errors
/// [`Error::Schema`] where unqualified names would not resolve to the schema `backend`, or the server's.
pub async fn check(conn: &mut PgConnection) -> Result<Option<Unfit>, Error> {
    // A standby, too, says that its transactions are read-only.
    let row: PgRow = sqlx::query(
        "SELECT current_schema()::text AS schema, current_setting('transaction_read_only')::boolean AS read_only",
    )
    .fetch_one(conn)
    .await?;
    match row.try_get::<Option<String>, _>("schema")?.as_deref() {
        Some(SCHEMA) => {}
        Some(other) => {
            return Err(Error::Schema(format!(
                "current_schema() is {other:?}, not {SCHEMA:?}: does a pooler drop search_path?"
            )));
        }
        None => {
            return Err(Error::Schema(format!(
                "the schema {SCHEMA:?} does not exist or may not be used: run `migrate`, or grant USAGE on it"
            )));
        }
    }
    Ok(row.try_get::<bool, _>("read_only")?.then_some(Unfit::ReadOnly))
}

/// Finds out whether a pooler hands a session's prepared statements to servers that have never heard of them: one session
/// prepares a statement, others then hold transactions, so that the server it was prepared on is taken, and the first one
/// runs it again. Alone, or in session mode, a session keeps its server; PgBouncer from 1.21 on prepares it again by itself.
///
/// # Errors
/// Why it could not be found out.
pub async fn probe_pooler(options: &PgConnectOptions) -> Result<Option<Unfit>, Error> {
    let mut first = PgConnection::connect_with(options).await?;
    let mut holders = Vec::new();
    let asked = async {
        let prepared_on = backend(&mut first).await?;
        while holders.len() < HOLDERS {
            let mut holder = PgConnection::connect_with(options).await?;
            sqlx::raw_sql("BEGIN").execute(&mut holder).await?;
            let row = sqlx::raw_sql("SELECT pg_backend_pid() AS pid").fetch_one(&mut holder).await?;
            holders.push(holder);
            if row.try_get::<i32, _>("pid")? == prepared_on {
                break;
            }
        }
        backend(&mut first).await
    };
    let verdict = match asked.await {
        Ok(_) => Ok(None),
        Err(error) if error.is_unknown_statement() => Ok(Some(Unfit::Pooler(error.to_string()))),
        Err(error) => Err(error),
    };
    for conn in holders.into_iter().chain([first]) {
        let _ = conn.close().await;
    }
    verdict
}

/// The server process at the other end, by a statement that is prepared once a session.
async fn backend(conn: &mut PgConnection) -> Result<i32, Error> {
    Ok(sqlx::query_scalar("SELECT pg_backend_pid()").fetch_one(conn).await?)
}
