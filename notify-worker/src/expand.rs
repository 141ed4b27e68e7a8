//! The queue `notifications`: makes routes, a chunk of recipients at a time.

use std::num::NonZeroU32;
use std::time::Duration;

use async_trait::async_trait;
use sqlx::PgConnection;
use uuid::Uuid;

use shared::db::Db;
use shared::db::notifications::{self, Chunk, Expansion};
use shared::domain::notification::{Kind, NotificationStatus};
use shared::queue::{
    Claim, Fate, Finished, Lost, Outcome, Queue, QueueSpec, Rescued, Settled, Topic, Verdict, Waker, WorkContext,
};

use crate::metrics::Metrics;

pub use shared::db::queues::NOTIFICATIONS as SPEC;

/// Most recipients in one transaction.
pub const CHUNK: NonZeroU32 = NonZeroU32::MIN.saturating_add(999);

/// Longest that one call of `work` may take.
pub const ATTEMPT_LIMIT: Duration = Duration::from_secs(30);

/// Most notifications given to one call of `work`. They share the chunk between them.
pub const BATCH: usize = 16;

/// Expansion of notifications into routes.
pub struct Expand {
    /// The way to Postgres.
    pub db: Db,
    /// To tell dispatch of new routes as soon as they are committed.
    pub waker: Waker,
    /// Whether there is an address for the administrators.
    pub admin_email: bool,
    /// Most recipients in one transaction: [`CHUNK`].
    pub chunk: NonZeroU32,
    /// What is counted.
    pub metrics: Metrics,
}

/// What is known of a notification when its expansion settles.
#[derive(Clone, Copy, Debug)]
pub struct Note {
    kind: Kind,
    ordered: bool,
}

/// Why a chunk was not made.
enum Failure {
    /// The row is another worker's now, or may be.
    Lost,
    Database(shared::db::Error),
}

impl Expand {
    /// Makes one chunk of each of these notifications, in one transaction.
    async fn chunk(&self, cx: &WorkContext, work: &[(Claim, Expansion)]) -> Result<Vec<Chunk>, Failure> {
        let mut tx = self.db.begin().await.map_err(Failure::Database)?;
        // By id, as the finishes of other workers lock them too.
        let mut ordered: Vec<&(Claim, Expansion)> = work.iter().collect();
        ordered.sort_unstable_by_key(|(claim, _)| claim.id);
        for (claim, _) in ordered {
            cx.hold(&mut tx, claim).await.map_err(|lost| match lost {
                Lost::Lease | Lost::Row => Failure::Lost,
                Lost::Database(e) => Failure::Database(e),
            })?;
        }
        let share = u32::try_from(work.len()).unwrap_or(1).max(1);
        let limit = (self.chunk.get() / share).max(1);
        let expansions: Vec<&Expansion> = work.iter().map(|(_, expansion)| expansion).collect();
        let chunks = notifications::expand_chunk(&mut tx, &expansions, limit, self.admin_email)
            .await
            .map_err(Failure::Database)?;
        tx.commit().await.map_err(Failure::Database)?;
        // Not only after the finish: the routes are there now.
        if chunks.iter().any(|c| !c.routes.is_empty()) {
            self.waker.wake(Topic::Routes);
        }
        Ok(chunks)
    }

    fn settled(&self, (claim, expansion): &(Claim, Expansion), chunk: &Chunk) -> Verdict<Note> {
        for (channel, n) in &chunk.routes {
            self.metrics.routes(channel.as_str(), *n);
        }
        if chunk.no_admin_email {
            tracing::warn!(
                notification_id = %claim.id,
                kind = expansion.kind.as_str(),
                "skipped: BACKEND_NOTIFICATION_ADMIN_EMAIL is empty, so the administrators are not told"
            );
        }
        verdict(
            expansion,
            match chunk.more {
                Some(at) => Outcome::Again { status: NotificationStatus::Pending.as_str(), at },
                None => Outcome::Done(NotificationStatus::Expanded.as_str()),
            },
        )
    }
}

fn verdict(expansion: &Expansion, outcome: Outcome) -> Verdict<Note> {
    Verdict { outcome, note: Note { kind: expansion.kind, ordered: expansion.ordered } }
}

fn failed(expansion: &Expansion, failure: &Failure) -> Verdict<Note> {
    let outcome = match failure {
        Failure::Lost => Outcome::Release,
        Failure::Database(e) => {
            Outcome::Retry { error: format!("routes not written: {e}"), after: None, counts: !e.is_unavailable() }
        }
    };
    verdict(expansion, outcome)
}

#[async_trait]
impl Queue for Expand {
    type Work = Expansion;
    type Note = Note;

    fn spec(&self) -> &'static QueueSpec {
        &SPEC
    }

    async fn load(
        &self,
        conn: &mut PgConnection,
        claims: &[Claim],
    ) -> Result<Vec<Result<Expansion, String>>, shared::db::Error> {
        let ids: Vec<Uuid> = claims.iter().map(|c| c.id).collect();
        notifications::load_expansions(conn, &ids).await
    }

    async fn work(&self, cx: &WorkContext, mut batch: Vec<(Claim, Expansion)>) -> Vec<Verdict<Note>> {
        for (claim, expansion) in &mut batch {
            expansion.traceparent.clone_from(&claim.traceparent);
        }
        match self.chunk(cx, &batch).await {
            Ok(chunks) => batch.iter().zip(&chunks).map(|(row, chunk)| self.settled(row, chunk)).collect(),
            Err(Failure::Database(e)) if e.is_unavailable() => {
                let failure = Failure::Database(e);
                batch.iter().map(|(_, expansion)| failed(expansion, &failure)).collect()
            }
            // One row is at fault, or one was lost: alone, the others are not held up by it.
            Err(_) if batch.len() > 1 => {
                let mut verdicts = Vec::with_capacity(batch.len());
                for row in &batch {
                    let made = self.chunk(cx, std::slice::from_ref(row)).await;
                    verdicts.push(match made.as_deref() {
                        Ok([chunk, ..]) => self.settled(row, chunk),
                        Ok([]) => failed(&row.1, &Failure::Lost),
                        Err(failure) => failed(&row.1, failure),
                    });
                }
                verdicts
            }
            Err(failure) => batch.iter().map(|(_, expansion)| failed(expansion, &failure)).collect(),
        }
    }

    async fn record(&self, conn: &mut PgConnection, finished: &[Finished<Note>]) -> Result<(), shared::db::Error> {
        let over: Vec<Uuid> = finished
            .iter()
            .filter(|f| matches!(f.settled, Settled::Done(_) | Settled::Dead { .. }))
            .filter(|f| f.note.is_none_or(|n| n.ordered))
            .map(|f| f.claim.id)
            .collect();
        if !over.is_empty() {
            notifications::renew_notification_successors(conn, &over).await?;
        }
        Ok(())
    }

    async fn rescued(&self, conn: &mut PgConnection, rows: &[Rescued]) -> Result<(), shared::db::Error> {
        let over: Vec<Uuid> = rows.iter().filter(|r| r.fate != Fate::Due).map(|r| r.id).collect();
        if !over.is_empty() {
            notifications::renew_notification_successors(conn, &over).await?;
        }
        Ok(())
    }

    fn after_commit(&self, finished: &[Finished<Note>]) {
        for row in finished {
            self.metrics.intent(row.note.map_or("unknown", |n| n.kind.as_str()), &row.settled);
        }
        // The next of the same game may have been committed while this one was in the way.
        if finished.iter().any(|f| f.note.is_none_or(|n| n.ordered)) {
            self.waker.wake(Topic::Notifications);
        }
    }
}
