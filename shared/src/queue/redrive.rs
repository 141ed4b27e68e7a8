//! What people do to rows by hand: set going again what is dead or waits for a retry, and put away what is dead.

use crate::postgres::Error;
use sqlx::PgConnection;
use uuid::Uuid;

use super::{QueueSpec, sql::Text};

/// Makes rows due now, with a clean slate (`docs/queue.md`, "Dead letters"): no failures, no crashes, no suspicion. The
/// token rises, so that whoever had the row before has no say in it; `attempt_no` goes on, and `last_error` stays until
/// there is a newer one. Rows that were put away may go again. Rows that a worker has, and rows that ended well, are
/// left alone. Answers how many it were.
///
/// The caller has locked the rows, undoes what else their end wrote (recipients, dead letters, order), and wakes the
/// queue's topic after the commit.
pub async fn redrive(conn: &mut PgConnection, spec: &'static QueueSpec, ids: &[Uuid]) -> Result<u64, Error> {
    if ids.is_empty() {
        return Ok(0);
    }
    let QueueSpec { table, key, dead, .. } = *spec;
    let text = Text::new("queue.redrive", format!(
        "UPDATE {table} d SET status = 'pending', next_attempt_at = clock_timestamp(), token = d.token + 1, failures = 0, crashes = 0,
                suspect = false, worker_id = NULL, deadline_at = NULL, finished_at = NULL
          WHERE d.{key} = ANY ($1) AND d.status IN ('pending', 'retrying', '{dead}', 'quarantined', 'dismissed')"
    ));
    Ok(text.query().bind(ids).execute(conn).await?.rows_affected())
}

/// Puts dead rows away: they are `dismissed`, no dead letters any more, and removed by age like the others that are over. Rows
/// that are not dead are left alone. Answers how many it were. The caller has locked the rows.
pub async fn dismiss(conn: &mut PgConnection, spec: &'static QueueSpec, ids: &[Uuid]) -> Result<u64, Error> {
    if ids.is_empty() {
        return Ok(0);
    }
    let QueueSpec { table, key, dead, .. } = *spec;
    let text = Text::new("queue.dismiss", format!(
        "UPDATE {table} d SET status = 'dismissed', token = d.token + 1, suspect = false, worker_id = NULL, deadline_at = NULL
          WHERE d.{key} = ANY ($1) AND d.status IN ('{dead}', 'quarantined')"
    ));
    Ok(text.query().bind(ids).execute(conn).await?.rows_affected())
}
