//! Work that is done and taken back at once, so that it can be said what it would change: within [`rehearse`] every transaction
//! that would be committed is rolled back, and the rows that it wrote are counted by their table.
//!
//! Postgres counts them itself, those too that functions and cascades write. What it has counted may hold what former transactions of
//! the session have not handed on yet, so it is read at the beginning of each transaction, too.

use std::collections::BTreeMap;
use std::future::Future;
use std::sync::Arc;

use parking_lot::Mutex;
use sqlx::PgConnection;

use crate::postgres::Error;

/// Rows that were made, changed or removed, by their table. One that was changed twice counts twice. The trail is left out.
pub type Written = BTreeMap<String, i64>;

tokio::task_local! {
    static SUM: Arc<Mutex<Written>>;
}

/// Does work whose transactions are all rolled back where it commits them, and answers what they would have written. Whoever begins
/// one in a task of its own, or writes outside of one, writes.
pub async fn rehearse<F: Future>(work: F) -> (F::Output, Written) {
    let sum = Arc::new(Mutex::new(Written::new()));
    let output = SUM.scope(Arc::clone(&sum), work).await;
    let written = std::mem::take(&mut *sum.lock());
    (output, written)
}

/// Whether this is such work.
#[must_use]
pub fn is_rehearsed() -> bool {
    SUM.try_with(|_| ()).is_ok()
}

/// What the session has counted so far, and not handed on; of a partition as of its table.
pub(super) async fn count(conn: &mut PgConnection) -> Result<Written, Error> {
    let rows: Vec<(String, i64)> = sqlx::query_as(
        "SELECT coalesce(p.relname, s.relname)::text, sum(s.n_tup_ins + s.n_tup_upd + s.n_tup_del)::bigint
           FROM pg_stat_xact_user_tables s LEFT JOIN pg_inherits i ON i.inhrelid = s.relid LEFT JOIN pg_class p ON p.oid = i.inhparent
          WHERE s.schemaname = 'backend' AND s.relname <> 'audit_log' GROUP BY 1",
    )
    .fetch_all(conn)
    .await?;
    Ok(rows.into_iter().collect())
}

/// Adds what a transaction wrote.
pub(super) fn add(before: &Written, after: Written) {
    let _ = SUM.try_with(|sum| {
        let mut sum = sum.lock();
        for (table, count) in after {
            let written = count - before.get(&table).copied().unwrap_or_default();
            if written > 0 {
                *sum.entry(table).or_default() += written;
            }
        }
    });
}
