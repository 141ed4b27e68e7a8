//! The turn timer (SPEC §8): `runtime_turns` as a queue whose rows come due again and again. No turn is generated twice
//! or skipped: the turn being closed is written down before the engine is asked, and the engine's own turn decides
//! whether it is asked at all. `docs/turns.md` has the table.

mod ended;
mod mend;
mod reports;
mod tick;

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use parking_lot::Mutex;
use shared::db::runtime::{self, TurnWork};
use shared::domain::excerpt::{LONG, SHORT, excerpt};
use shared::domain::runtime::{RuntimeStatus, TurnStatus};
use shared::domain::schedule::Timer;
use shared::ids::GameId;
use shared::queue::{
    Claim, Fate, Finished, Outcome, Queue, QueueSpec, Rescued, Settings, Settled, Topic, Verdict, Waker, WorkContext,
    backoff::{delay, jittered},
};
use sqlx::PgConnection;
use tokio::time::Instant;

use self::tick::TickError;
use crate::engines::Engines;
use crate::lanes::Lane;
use crate::outcome::{Outcomes, Snapshot};

pub(crate) use self::ended::LastReports;
pub use self::mend::Mender;
pub use shared::db::queues::RUNTIME_TURNS as SPEC;

/// Generates turns that are due.
pub struct Turns {
    pub(crate) engines: Arc<Engines>,
    pub(crate) outcomes: Outcomes,
    pub(crate) waker: Waker,
    /// As the queue has them: the pauses between attempts are asked for here too.
    pub(crate) settings: Settings,
    /// For games whose engines are slow.
    pub(crate) lane: Lane,
    /// Games whose copies are being dropped: turns that come faster than that ask once.
    pub(crate) dropping: Arc<Mutex<HashSet<GameId>>>,
}

/// A turn that is due.
#[derive(Debug, Clone)]
pub struct Work {
    row: TurnWork,
    /// When it was read, on our own clock: with the row's `now` it gives the database's time later on.
    read_at: Instant,
}

impl Work {
    /// The database's time, as far as it can be known without asking.
    fn now(&self) -> DateTime<Utc> {
        self.row.now + chrono::TimeDelta::from_std(self.read_at.elapsed()).unwrap_or_default()
    }
}

/// What the record needs beyond the outcome.
#[derive(Debug, Clone)]
pub enum Note {
    /// The lobby is to hear this; with the next turn's time, where there is one.
    Snapshot(Snapshot, Option<Timer>),
    /// The game does not run: the timer rests.
    Rest,
}

#[async_trait]
impl Queue for Turns {
    type Work = Work;
    type Note = Note;

    fn spec(&self) -> &'static QueueSpec {
        &SPEC
    }

    fn filter_arg(&self) -> Option<String> {
        Some(self.engines.daemon_id.clone())
    }

    async fn load(
        &self,
        conn: &mut PgConnection,
        claims: &[Claim],
    ) -> Result<Vec<Result<Work, String>>, shared::db::Error> {
        let ids: Vec<_> = claims.iter().map(|claim| claim.id).collect();
        let rows = runtime::turn_work(conn, &ids).await?;
        let read_at = Instant::now();
        let mut rows: HashMap<_, _> = rows.into_iter().map(|row| (row.game_id.uuid(), row)).collect();
        let work = |claim: &Claim| {
            let row = rows.remove(&claim.id).ok_or_else(|| "the game has no runtime record".to_owned())?;
            Ok(Work { row, read_at })
        };
        Ok(claims.iter().map(work).collect())
    }

    async fn work(&self, cx: &WorkContext, batch: Vec<(Claim, Work)>) -> Vec<Verdict<Note>> {
        let mut verdicts = Vec::with_capacity(batch.len());
        for (claim, work) in batch {
            verdicts.push(self.one(cx, &claim, &work).await);
        }
        verdicts
    }

    async fn record(&self, conn: &mut PgConnection, finished: &[Finished<Note>]) -> Result<(), shared::db::Error> {
        for finished in finished {
            let game_id = GameId::from(finished.claim.id);
            match (&finished.settled, &finished.note) {
                (Settled::Again | Settled::Done(_), Some(Note::Snapshot(snapshot, next))) => {
                    self.outcomes.on_snapshot(conn, Some(&finished.claim), game_id, snapshot, *next).await?;
                }
                (Settled::Again | Settled::Done(_), _) => self.outcomes.on_rest(conn, &finished.claim, game_id).await?,
                (Settled::Dead { error }, note) => {
                    self.dead(conn, Some(&finished.claim), game_id, note.as_ref(), error).await?
                }
                (Settled::Retrying { .. } | Settled::Released, _) => {}
            }
        }
        Ok(())
    }

    async fn rescued(&self, conn: &mut PgConnection, rows: &[Rescued]) -> Result<(), shared::db::Error> {
        for row in rows.iter().filter(|row| row.fate != Fate::Due) {
            self.dead(conn, None, GameId::from(row.id), None, &row.error).await?;
        }
        Ok(())
    }

    fn after_commit(&self, finished: &[Finished<Note>]) {
        // The engine has shown that it can go on from what a patch left it: nobody goes back behind that turn.
        let advanced = finished.iter().filter(|finished| {
            matches!(finished.note, Some(Note::Snapshot(Snapshot::Advanced(_), _)))
                && finished.settled == Settled::Again
        });
        for game_id in advanced.map(|finished| GameId::from(finished.claim.id)) {
            if !self.dropping.lock().insert(game_id) {
                continue;
            }
            let (snapshots, dropping) = (self.engines.driver.snapshots(), Arc::clone(&self.dropping));
            tokio::spawn(async move {
                if let Err(error) = snapshots.drop_all(game_id).await {
                    tracing::warn!(%game_id, %error, "the copy of before a patch could not be dropped");
                }
                dropping.lock().remove(&game_id);
            });
        }
        if finished.iter().any(|finished| finished.note.is_some() || matches!(finished.settled, Settled::Dead { .. })) {
            // A finished game's container goes by a job.
            for topic in [Topic::Notifications, Topic::RuntimeJobs] {
                self.waker.wake(topic);
            }
        }
    }

    fn after_rescue(&self, rows: &[Rescued]) {
        if rows.iter().any(|row| row.fate != Fate::Due) {
            self.waker.wake(Topic::Notifications);
        }
    }
}

impl Turns {
    async fn one(&self, cx: &WorkContext, claim: &Claim, work: &Work) -> Verdict<Note> {
        let game_id = work.row.game_id;
        let failures = claim.failures.unsigned_abs() + 1;
        let tick = self.tick(cx, claim, work, failures >= self.settings.max_attempts);
        let ticked = self.lane.patient(cx, claim, &self.engines, game_id, tick).await;
        let error = match ticked.unwrap_or_else(|full| Err(full.into())) {
            Ok(Some(status)) => return self.advanced(work, status),
            Ok(None) => {
                self.engines.metrics.turn("rested");
                return Verdict {
                    outcome: Outcome::Again { status: TurnStatus::Idle.as_str(), at: work.row.now },
                    note: Note::Rest,
                };
            }
            Err(error) => error,
        };
        tracing::warn!(%game_id, attempt_no = claim.attempt_no, error = excerpt(&error.to_string(), SHORT), "a turn was not generated");
        self.engines.metrics.turn(error.word());
        // What the engine printed explains most failures; of a daemon or a database that is away it knows nothing.
        let words = match &error {
            TickError::Away(_) => String::new(),
            TickError::Absent(_) | TickError::Gone(_) => self.engines.end(game_id).await,
            _ => self.engines.words(game_id).await,
        };
        let reason = excerpt(&format!("{error}{words}"), LONG);
        let note = Note::Snapshot(Snapshot::Failed { status: error.status(), reason: reason.clone() }, None);
        let outcome = match error {
            TickError::Away(_) | TickError::Gone(_) => {
                Outcome::Retry { error: reason, after: Some(Duration::from_secs(1)), counts: false }
            }
            TickError::Crowded(_) => {
                let again = jittered(&self.engines.random, self.engines.tuning.crowded_again);
                Outcome::Retry { error: reason, after: Some(again), counts: false }
            }
            // Never sooner than it would be without being asked for: an engine that says "in a second" for ever ends paused, but not in
            // a few seconds.
            TickError::Busy { after, .. } => {
                let own = delay(&self.engines.random, &self.settings, failures);
                Outcome::Retry { error: reason, after: Some(after.max(own)), counts: true }
            }
            TickError::Absent(_) | TickError::Passing(_) => Outcome::Retry { error: reason, after: None, counts: true },
            TickError::Final(_) => Outcome::Dead { error: reason },
        };
        Verdict { outcome, note }
    }

    fn advanced(&self, work: &Work, status: shared::engine_client::EngineStatus) -> Verdict<Note> {
        self.engines.metrics.turn(if status.finished { "finished" } else { "generated" });
        if status.finished {
            let note = Note::Snapshot(Snapshot::Advanced(status), None);
            return Verdict { outcome: Outcome::Again { status: TurnStatus::Idle.as_str(), at: work.row.now }, note };
        }
        match self.next_turn(work) {
            Ok(timer) => Verdict {
                outcome: Outcome::Again { status: TurnStatus::Pending.as_str(), at: timer.due },
                note: Note::Snapshot(Snapshot::Advanced(status), Some(timer)),
            },
            // The turn counts; the game is paused with it, and somebody sets another schedule.
            Err(error) => {
                tracing::warn!(game_id = %work.row.game_id, %error, "a game has no next turn");
                let note = Note::Snapshot(Snapshot::Advanced(status), None);
                Verdict { outcome: Outcome::Again { status: TurnStatus::Idle.as_str(), at: work.row.now }, note }
            }
        }
    }

    async fn dead(
        &self,
        conn: &mut PgConnection,
        claim: Option<&Claim>,
        game_id: GameId,
        note: Option<&Note>,
        error: &str,
    ) -> Result<(), shared::db::Error> {
        let snapshot = match note {
            Some(Note::Snapshot(snapshot @ Snapshot::Failed { .. }, _)) => snapshot.clone(),
            _ => Snapshot::Failed { status: RuntimeStatus::GenerationFailed, reason: error.to_owned() },
        };
        self.outcomes.on_snapshot(conn, claim, game_id, &snapshot, None).await
    }
}
