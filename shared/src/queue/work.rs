//! One call of work, and every way in which it can go wrong.

use std::{panic::AssertUnwindSafe, sync::Arc};

use futures::FutureExt as _;
use sqlx::PgConnection;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tracing::Instrument as _;

use super::{Claim, Outcome, Queue, Verdict, WorkContext, engine::Engine, seat::Seat, trace, worker::Lease};
use crate::service::lifecycle::panic_message;

/// What a row's attempt came to, on its way to the finisher.
pub(super) struct Report<N> {
    pub(super) claim: Claim,
    /// When the claim was sent.
    pub(super) claimed_at: Instant,
    /// `None`: it was not worked.
    pub(super) worked: Option<Worked>,
    pub(super) result: Reported<N>,
}

/// When the call that worked a row began, and when it ended.
#[derive(Debug, Clone, Copy)]
pub(super) struct Worked {
    pub(super) began: Instant,
    pub(super) ended: Instant,
}

pub(super) enum Reported<N> {
    /// Decided: by the queue (with a note), or by the engine.
    Decided { outcome: Outcome, note: Option<N> },
    /// The call panicked or found no end. Of several rows it is not known which did it: that shows when each is worked
    /// alone, and only then it counts.
    BroughtDown { error: String, alone: bool },
    /// The call was dropped in mid-work; nobody knows how far it got.
    Interrupted(&'static str),
}

/// The reports of one call, and the room it takes until they are written.
pub(super) struct Bundle<N> {
    pub(super) reports: Vec<Report<N>>,
    pub(super) _room: Room,
}

/// Holds the call's seat until the finish is written, wherever the call's context went.
pub(super) struct Room(pub(super) Arc<Seat>);

impl Drop for Room {
    fn drop(&mut self) {
        self.0.free();
    }
}

/// A claimed row with its payload, or with what is wrong with it.
pub(super) type Loaded<W> = Vec<(Claim, Result<W, Outcome>)>;

/// How loading left its connection, and the database as far as it could tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum After {
    /// All was read.
    Good,
    /// Something broke in the middle of a statement, perhaps: the connection should not be used again.
    Spent,
    /// The same, and rows were given back unread, since the database is away: claiming them again at once would only go round in circles.
    Away,
}

fn decided<N>(outcome: Outcome) -> Reported<N> {
    Reported::Decided { outcome, note: None }
}

impl<Q: Queue> Engine<Q> {
    /// Reads the payloads. A batch that cannot be read is read row by row, so that one bad row costs only itself.
    pub(super) async fn load(&self, conn: &mut PgConnection, claims: Vec<Claim>) -> (Loaded<Q::Work>, After) {
        match self.load_once(conn, &claims).await {
            Ok(works) => (claims.into_iter().zip(works).collect(), After::Good),
            Err(Trouble::Away) => (claims.into_iter().map(|c| (c, Err(Outcome::Release))).collect(), After::Away),
            Err(Trouble::Broken(outcome)) if claims.len() <= 1 => {
                (claims.into_iter().map(|c| (c, Err(outcome.clone()))).collect(), After::Spent)
            }
            Err(Trouble::Broken(_)) => {
                let (mut loaded, mut after) = (Vec::with_capacity(claims.len()), After::Spent);
                for claim in claims {
                    if after == After::Away {
                        loaded.push((claim, Err(Outcome::Release)));
                        continue;
                    }
                    let work = match self.load_once(conn, std::slice::from_ref(&claim)).await {
                        Ok(mut works) => works.pop().unwrap_or(Err(Outcome::Release)),
                        Err(Trouble::Away) => {
                            after = After::Away;
                            Err(Outcome::Release)
                        }
                        Err(Trouble::Broken(outcome)) => Err(outcome),
                    };
                    loaded.push((claim, work));
                }
                (loaded, after)
            }
        }
    }

    async fn load_once(
        &self,
        conn: &mut PgConnection,
        claims: &[Claim],
    ) -> Result<Vec<Result<Q::Work, Outcome>>, Trouble> {
        let loading = AssertUnwindSafe(async { self.queue.load(conn, claims).await }).catch_unwind().await;
        match loading {
            Ok(Ok(works)) if works.len() == claims.len() => Ok(works
                .into_iter()
                .map(|work| work.map_err(|error| Outcome::Dead { error: format!("unreadable payload: {error}") }))
                .collect()),
            Ok(Ok(works)) => Err(Trouble::Broken(Outcome::Retry {
                error: format!("loading gave {} payloads for {} rows", works.len(), claims.len()),
                after: None,
                counts: true,
            })),
            Ok(Err(error)) if error.is_passing() => {
                tracing::warn!(%error, queue = self.name(), "payloads could not be read: the rows are given back");
                Err(Trouble::Away)
            }
            Ok(Err(error)) => Err(Trouble::Broken(Outcome::Retry {
                error: format!("loading the payload failed: {error}"),
                after: None,
                counts: true,
            })),
            Err(panic) => Err(Trouble::Broken(Outcome::Dead {
                error: format!("unreadable payload: loading panicked: {}", panic_message(panic.as_ref())),
            })),
        }
    }

    /// Works a batch and answers with one report a row, whatever happens.
    pub(super) async fn work(
        self: Arc<Self>,
        lease: Arc<Lease>,
        claimed_at: Instant,
        rows: Vec<(Claim, Q::Work)>,
        seat: Arc<Seat>,
    ) -> Vec<Report<Q::Note>> {
        let (mut claims, works): (Vec<Claim>, Vec<Q::Work>) = rows.into_iter().unzip();
        let (results, worked) = if lease.is_valid() {
            let spans = trace::work(self.name(), &mut claims);
            let rows = claims.iter().cloned().zip(works).collect();
            let began = Instant::now();
            let results = self.attempt(&lease, claimed_at, &claims, rows, seat).instrument(spans.whole.clone()).await;
            (results, Some(Worked { began, ended: Instant::now() }))
        } else {
            (claims.iter().map(|_| decided(Outcome::Release)).collect(), None)
        };
        claims.into_iter().zip(results).map(|(claim, result)| Report { claim, claimed_at, worked, result }).collect()
    }

    async fn attempt(
        &self,
        lease: &Arc<Lease>,
        claimed_at: Instant,
        claims: &[Claim],
        rows: Vec<(Claim, Q::Work)>,
        seat: Arc<Seat>,
    ) -> Vec<Reported<Q::Note>> {
        let cancelled = CancellationToken::new();
        // Whatever the call spawned hears of its end, however it ends.
        let _told = cancelled.clone().drop_guard();
        let cx = WorkContext {
            lease: Arc::clone(lease),
            sql: Arc::clone(&self.sql),
            cancelled,
            stopping: self.deps.lifecycle.soft(),
            db: self.deps.db.clone(),
            seat,
        };
        let hard = self.deps.lifecycle.hard();
        let limit = self.settings.attempt_limit;
        // However long claiming and loading took: over before the row's deadline lets others have it.
        let latest = claimed_at + limit + self.deps.worker.timing().hang_slack / 2;
        let until = latest.min(Instant::now() + limit);
        let call = AssertUnwindSafe(async { self.queue.work(&cx, rows).await }).catch_unwind();
        let interrupted = |why| claims.iter().map(|_| Reported::Interrupted(why)).collect();
        let ended = tokio::select! {
            biased;
            // What is done is done, even if the lease was lost in the same instant: the token guards the finish.
            ended = tokio::time::timeout_at(until, self.deps.db.within(call)) => ended,
            () = lease.lost.cancelled() => return interrupted("the worker lost touch with the database"),
            () = hard.cancelled() => return interrupted("the worker had to stop"),
        };
        match ended {
            Ok(Ok(Ok(verdicts))) => pair(claims.len(), verdicts),
            // A connection that the work stood on went dead, though the lease's own lives.
            Ok(Err(_)) => interrupted("the database did not answer"),
            Ok(Ok(Err(panic))) => {
                let error = format!("the work panicked: {}", panic_message(panic.as_ref()));
                tracing::error!(queue = self.name(), rows = claims.len(), error, "work panicked");
                self.brought_down(claims, &error)
            }
            Err(_) => {
                let error = format!("no end within {:.1} s", limit.as_secs_f64());
                tracing::error!(queue = self.name(), rows = claims.len(), error, "work hit its time limit");
                self.brought_down(claims, &error)
            }
        }
    }

    fn brought_down(&self, claims: &[Claim], error: &str) -> Vec<Reported<Q::Note>> {
        let alone = claims.len() == 1;
        claims.iter().map(|_| Reported::BroughtDown { error: error.to_owned(), alone }).collect()
    }
}

enum Trouble {
    /// The database is out of reach.
    Away,
    /// It is the rows.
    Broken(Outcome),
}

/// One result a row, also for an implementation that answered too few.
fn pair<N>(rows: usize, verdicts: Vec<Verdict<N>>) -> Vec<Reported<N>> {
    let mut results: Vec<Reported<N>> = verdicts
        .into_iter()
        .take(rows)
        .map(|Verdict { outcome, note }| Reported::Decided { outcome, note: Some(note) })
        .collect();
    results.resize_with(rows, || {
        decided(Outcome::Retry { error: "the work gave no verdict".to_owned(), after: None, counts: true })
    });
    results
}
