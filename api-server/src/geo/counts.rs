//! Requests by user and country, on their way to the table: gathered in memory, written in batches.

use std::collections::HashMap;
use std::time::Duration;

use parking_lot::Mutex;
use shared::db::Db;
use shared::db::countries::{self, Requests};
use shared::domain::country::CountryCode;
use shared::ids::UserId;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use super::metrics::Metrics;

/// Most pairs of user and country that wait: about 5 MiB. Those that are there go on counting; a new one beyond is dropped.
const MOST_WAITING: usize = 50_000;
/// With this many waiting they are written at once.
const MANY_WAITING: usize = MOST_WAITING / 2;
/// Rows of one statement.
const BATCH: usize = 1_000;

/// What waits to be written.
pub(super) struct Counts {
    waiting: Mutex<HashMap<(UserId, CountryCode), i64>>,
    many: Notify,
    metrics: Metrics,
}

impl Counts {
    pub(super) fn new(metrics: Metrics) -> Self {
        Self { waiting: Mutex::default(), many: Notify::new(), metrics }
    }

    /// Adds to what waits.
    pub(super) fn add(&self, user_id: UserId, country: CountryCode, count: i64) {
        let mut waiting = self.waiting.lock();
        let pairs = waiting.len();
        match waiting.entry((user_id, country)) {
            std::collections::hash_map::Entry::Occupied(mut there) => *there.get_mut() += count,
            std::collections::hash_map::Entry::Vacant(_) if pairs >= MOST_WAITING => {
                self.metrics.dropped(u64::try_from(count).unwrap_or(0));
            }
            std::collections::hash_map::Entry::Vacant(free) => {
                free.insert(count);
                if pairs + 1 == MANY_WAITING {
                    self.many.notify_one();
                }
            }
        }
    }

    /// Writes what waits at an interval, sooner when there is much of it, until `soft`; a write that has begun then is
    /// finished.
    pub(super) async fn keep_flushing(&self, db: &Db, every: Duration, soft: &CancellationToken) {
        let mut failing = false;
        loop {
            tokio::select! {
                () = soft.cancelled() => return,
                () = self.many.notified(), if !failing => {}
                () = tokio::time::sleep(every) => {}
            }
            let written = self.flush(db).await;
            if failing != written.is_err() {
                match &written {
                    Err(error) => tracing::warn!(%error, "geo counts are not written; they wait in memory"),
                    Ok(()) => tracing::info!("geo counts are written again"),
                }
            }
            failing = written.is_err();
        }
    }

    /// The last flush, at shutdown.
    pub(super) async fn flush_at_last(&self, db: &Db) {
        if let Err(error) = self.flush(db).await {
            tracing::warn!(%error, pairs = self.waiting.lock().len(), "geo counts are lost with this process");
        }
    }

    /// Writes all that waits, a batch a statement. Whatever is not known to be written waits again, also when this is
    /// dropped in the middle: a statement whose answer was lost may so be counted twice, and none is lost.
    async fn flush(&self, db: &Db) -> Result<(), shared::db::Error> {
        let mut taken = Taken { of: self, rows: self.take() };
        while let Some(batch) = taken.rows.chunks(BATCH).next() {
            let written = db.try_within(async { countries::add(&mut *db.acquire().await?, batch).await }).await;
            self.metrics.flushed(written.is_ok());
            written?;
            taken.rows.drain(..batch.len());
        }
        Ok(())
    }

    fn take(&self) -> Vec<Requests> {
        let waiting = std::mem::take(&mut *self.waiting.lock());
        waiting.into_iter().map(|((user_id, country), count)| Requests { user_id, country, count }).collect()
    }
}

/// Rows that are being written; those that were not go back.
struct Taken<'a> {
    of: &'a Counts,
    rows: Vec<Requests>,
}

impl Drop for Taken<'_> {
    fn drop(&mut self) {
        for row in self.rows.drain(..) {
            self.of.add(row.user_id, row.country, row.count);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn country(code: &str) -> CountryCode {
        code.parse().unwrap()
    }

    #[test]
    fn what_was_taken_and_not_written_waits_again_with_what_came_meanwhile() {
        let counts = Counts::new(Metrics::new());
        let user = UserId::new();
        counts.add(user, country("DE"), 2);
        let taken = Taken { of: &counts, rows: counts.take() };
        counts.add(user, country("DE"), 1);
        counts.add(user, country("FR"), 1);
        drop(taken);
        let mut rows = counts.take();
        rows.sort_unstable();
        let row = |code, count| Requests { user_id: user, country: country(code), count };
        assert_eq!(rows, [row("DE", 3), row("FR", 1)]);
    }

    #[test]
    fn memory_is_bounded_and_pairs_that_are_there_go_on_counting() {
        let counts = Counts::new(Metrics::new());
        let first = UserId::new();
        counts.add(first, country("DE"), 1);
        for _ in 0..MOST_WAITING + 10 {
            counts.add(UserId::new(), country("DE"), 1);
        }
        counts.add(first, country("DE"), 1);
        let waiting = counts.waiting.lock();
        assert_eq!(waiting.len(), MOST_WAITING);
        assert_eq!(waiting.get(&(first, country("DE"))), Some(&2));
    }
}
