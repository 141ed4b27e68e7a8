//! `workers`: the processes that work the queues, as administrators see them, and as they count each other. The rows are their own:
//! [`Worker`](crate::queue::Worker) writes, renews and removes them.

use chrono::{DateTime, Utc};
use sqlx::PgConnection;

use super::lists;
use crate::ids::WorkerId;
use crate::postgres::Error;

/// One registration of a worker process.
#[derive(Debug, Clone)]
pub struct Worker {
    /// The registration: a process that lost its lease registers again under another.
    pub worker_id: WorkerId,
    /// The binary.
    pub process: String,
    /// Binary, host, pid and a random part, for people.
    pub instance: String,
    /// The version that it was built as, where its release says so.
    pub version: Option<String>,
    /// When this registration began.
    pub started_at: DateTime<Utc>,
    /// Until when the lease lasts unless it is renewed. One that is over: the process is dead, or cut off from Postgres.
    pub expires_at: DateTime<Utc>,
    /// The daemon that a runtime-controller serves, once it has met one.
    pub daemon_id: Option<String>,
}

/// Workers, newest first, from below `before`; those too whose lease is over and whose row nobody has swept yet.
pub async fn list(conn: &mut PgConnection, before: Option<WorkerId>, limit: i64) -> Result<Vec<Worker>, Error> {
    Ok(sqlx::query_as!(
        Worker,
        r#"SELECT worker_id AS "worker_id: WorkerId", process, instance, version, started_at, expires_at, daemon_id
             FROM workers WHERE worker_id < $1 ORDER BY worker_id DESC LIMIT $2"#,
        lists::below(before),
        limit
    )
    .fetch_all(conn)
    .await?)
}

/// How many workers of a process have a lease now.
pub async fn live(conn: &mut PgConnection, process: &str) -> Result<i64, Error> {
    Ok(sqlx::query_scalar!(
        r#"SELECT count(*) AS "live!" FROM workers WHERE process = $1 AND expires_at > clock_timestamp()"#,
        process
    )
    .fetch_one(conn)
    .await?)
}
