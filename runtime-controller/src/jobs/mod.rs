//! The queue of runtime jobs (SPEC §8): start, stop, restart, patch, banish, force-next-turn. Each step is written down before its effect,
//! and each effect looks at the world first, so that a job left by a dead controller is finished by another.

mod banish;
mod error;
mod force_turn;
mod progress;
mod raise;
mod replace;
mod snapshot;
mod start;
mod step;
mod stop;

use std::collections::HashMap;
use std::sync::Arc;

use async_trait::async_trait;
use shared::db::runtime::{self, JobWork};
use shared::domain::excerpt::{SHORT, excerpt};
use shared::domain::runtime::{JobKind, JobStatus, StartFailure};
use shared::ids::GameId;
use shared::queue::{
    Claim, Fate, Finished, Outcome, Queue, QueueSpec, Rescued, Settings, Settled, Topic, Verdict, Waker, WorkContext,
    backoff::{delay, jittered},
};
use sqlx::PgConnection;

use self::error::JobError;
use crate::engines::Engines;
use crate::lanes::Lane;
use crate::outcome::{JobResult, Left, Outcomes};

pub use shared::db::queues::RUNTIME_JOBS as SPEC;

/// Works runtime jobs.
pub struct Jobs {
    pub(crate) engines: Arc<Engines>,
    pub(crate) outcomes: Outcomes,
    pub(crate) waker: Waker,
    pub(crate) max_attempts: u32,
    /// The pauses of a job whose engine says "not now".
    pub(crate) not_now: Settings,
    /// For those that last: pulls, engines that are long in coming up, daemons that hang.
    pub(crate) lane: Lane,
}

/// A job of a kind that is worked.
#[derive(Debug, Clone)]
pub struct Work {
    game_id: GameId,
    kind: JobKind,
    payload: serde_json::Value,
    step: Option<String>,
}

/// What the record needs beyond the outcome.
#[derive(Debug, Clone)]
pub struct Note {
    /// What the lobby must hear, now or when the job is dead.
    result: Option<JobResult>,
    /// For the operations log.
    detail: Option<String>,
}

#[async_trait]
impl Queue for Jobs {
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
        let mut jobs = jobs_by_id(conn, claims.iter().map(|claim| claim.id)).await?;
        let work = |claim: &Claim| {
            let job = jobs.remove(&claim.id).ok_or("the job is gone")?;
            let kind = job.kind.parse::<JobKind>().map_err(|error| error.to_string())?;
            Ok(Work { game_id: job.game_id, kind, payload: job.payload, step: job.step })
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
        let jobs = jobs_by_id(conn, finished.iter().map(|finished| finished.claim.id)).await?;
        for (job, finished) in by_game(&jobs, finished, |finished| finished.claim.id) {
            let note = finished.note.as_ref();
            match &finished.settled {
                Settled::Done(_) => {
                    if let Some(result) = note.and_then(|note| note.result.as_ref()) {
                        self.outcomes.on_job_result(conn, &finished.claim, job.game_id, result).await?;
                    }
                    let detail = note.and_then(|note| note.detail.as_deref());
                    self.outcomes.log_job(conn, job.game_id, job.job_id, &job.kind, "ok", detail).await?;
                    self.outcomes.runtime_is_free(conn, &finished.claim, job, true).await?;
                }
                Settled::Dead { error } => self.dead(conn, &finished.claim, job, note, error).await?,
                Settled::Retrying { .. } | Settled::Again | Settled::Released => {}
            }
        }
        Ok(())
    }

    async fn rescued(&self, conn: &mut PgConnection, rows: &[Rescued]) -> Result<(), shared::db::Error> {
        let given_up = rows.iter().filter(|row| row.fate != Fate::Due);
        let jobs = jobs_by_id(conn, given_up.clone().map(|row| row.id)).await?;
        for (job, row) in by_game(&jobs, given_up, |row| row.id) {
            let claim = lost_claim(row);
            self.dead(conn, &claim, job, None, &row.error).await?;
        }
        Ok(())
    }

    fn after_commit(&self, finished: &[Finished<Note>]) {
        if finished.iter().any(|finished| matches!(finished.settled, Settled::Done(_) | Settled::Dead { .. })) {
            for topic in [Topic::Notifications, Topic::Turns, Topic::RuntimeJobs] {
                self.waker.wake(topic);
            }
        }
    }

    fn after_rescue(&self, rows: &[Rescued]) {
        if rows.iter().any(|row| row.fate != Fate::Due) {
            // A container that is left goes by a job.
            for topic in [Topic::Notifications, Topic::RuntimeJobs] {
                self.waker.wake(topic);
            }
        }
    }
}

impl Jobs {
    async fn one(&self, cx: &WorkContext, claim: &Claim, work: &Work) -> Verdict<Note> {
        let doing = async {
            let done = self.attempt(cx, claim, work).await;
            let given_up =
                done.as_ref().err().filter(|error| work.kind == JobKind::Start && self.is_last(claim, error));
            let failed = given_up.is_some_and(|error| error.start_failure().is_some());
            (done, failed && self.clear_away(work.game_id).await)
        };
        let (done, cleared) =
            self.lane.patient(cx, claim, &self.engines, work.game_id, doing).await.unwrap_or_else(|full| {
                let again = jittered(&self.engines.random, self.engines.tuning.crowded_again);
                (Err(JobError::Crowded(full, again)), false)
            });
        match done {
            Ok(note) => Verdict { outcome: Outcome::Done(JobStatus::Succeeded.as_str()), note },
            Err(error) => {
                let said = excerpt(&error.to_string(), SHORT);
                tracing::warn!(game_id = %work.game_id, kind = %work.kind, job_id = %claim.id, error = said, "a job's attempt ended");
                let own = delay(&self.engines.random, &self.not_now, claim.failures.unsigned_abs() + 1);
                error.verdict(cleared, own)
            }
        }
    }

    /// One attempt, in a slot or in the lane.
    async fn attempt(&self, cx: &WorkContext, claim: &Claim, work: &Work) -> Result<Note, JobError> {
        match work.kind {
            JobKind::Start => self.start(cx, claim, work).await,
            JobKind::Stop => self.stop(cx, claim, work.game_id).await,
            JobKind::Banish => self.banish(cx, claim, work.game_id, &work.payload).await,
            JobKind::ForceNextTurn => self.force_turn(cx, claim, work.game_id, work.step.as_deref()).await,
            JobKind::Restart | JobKind::Patch => self.replace(cx, claim, work).await,
        }
    }

    /// Whether no further attempt follows this error.
    fn is_last(&self, claim: &Claim, error: &JobError) -> bool {
        error.is_final() || (error.counts() && self.is_last_attempt(claim))
    }

    /// Whether no further attempt follows this one, if it fails.
    fn is_last_attempt(&self, claim: &Claim) -> bool {
        claim.failures.unsigned_abs() + 1 >= self.max_attempts
    }

    /// A start that is given up leaves no container behind; its state directory stays. Answers whether that is so.
    async fn clear_away(&self, game_id: GameId) -> bool {
        let removed = self.engines.op("remove", self.engines.driver.remove(game_id)).await;
        if let Err(error) = &removed {
            tracing::warn!(%game_id, %error, "the container of a failed start could not be removed");
        }
        removed.is_ok()
    }

    async fn dead(
        &self,
        conn: &mut PgConnection,
        claim: &Claim,
        job: &JobWork,
        note: Option<&Note>,
        error: &str,
    ) -> Result<(), shared::db::Error> {
        let result = note.and_then(|note| note.result.as_ref());
        // Where the engine gave it up by itself, there is no result: a crash loop, a hang, an unreadable row.
        let failure = match result {
            Some(JobResult::StartFailed { failure, .. } | JobResult::ReplaceFailed { failure, .. }) => failure.clone(),
            _ => StartFailure::ContainerStart { reason: error.to_owned() },
        };
        let told = match job.kind.parse() {
            Ok(JobKind::Start) => {
                let cleared = matches!(result, Some(JobResult::StartFailed { cleared: true, .. }));
                Some(JobResult::StartFailed { failure: failure.clone(), cleared })
            }
            Ok(JobKind::Restart | JobKind::Patch) => {
                let left = match result {
                    Some(JobResult::ReplaceFailed { left, .. }) => left.clone(),
                    _ => Left::AsRecorded,
                };
                Some(JobResult::ReplaceFailed { failure: failure.clone(), left })
            }
            _ => None,
        };
        let mut outcome = "failed";
        if let Some(told) = told {
            outcome = failure.word();
            self.outcomes.on_job_result(conn, claim, job.game_id, &told).await?;
        }
        self.outcomes.log_job(conn, job.game_id, job.job_id, &job.kind, outcome, Some(error)).await?;
        self.outcomes.runtime_is_free(conn, claim, job, false).await
    }
}

async fn jobs_by_id(
    conn: &mut PgConnection,
    ids: impl Iterator<Item = uuid::Uuid>,
) -> Result<HashMap<uuid::Uuid, JobWork>, shared::db::Error> {
    let ids: Vec<_> = ids.collect();
    if ids.is_empty() {
        return Ok(HashMap::new());
    }
    let jobs = runtime::job_work(conn, &ids).await?;
    Ok(jobs.into_iter().map(|job| (job.job_id, job)).collect())
}

/// Each with its job, in the order of the games' ids: that is the order in which several are locked, everywhere.
fn by_game<'a, T: 'a>(
    jobs: &'a HashMap<uuid::Uuid, JobWork>,
    of: impl IntoIterator<Item = &'a T>,
    id: impl Fn(&T) -> uuid::Uuid,
) -> Vec<(&'a JobWork, &'a T)> {
    let mut pairs: Vec<_> = of.into_iter().filter_map(|of| Some((jobs.get(&id(of))?, of))).collect();
    pairs.sort_by_key(|(job, _)| job.game_id);
    pairs
}

/// What is known of the claim of an attempt that will never report: enough for the notification's key.
fn lost_claim(row: &Rescued) -> Claim {
    Claim {
        id: row.id,
        token: 0,
        attempt_no: row.attempt_no,
        failures: 0,
        alone: true,
        priority: 0,
        due_at: chrono::DateTime::UNIX_EPOCH,
        created_at: chrono::DateTime::UNIX_EPOCH,
        request_id: None,
        traceparent: None,
    }
}
