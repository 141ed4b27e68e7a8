//! `runtime_jobs`: the intents, at most one active per game.

use std::time::Duration;

use chrono::{DateTime, Utc};
use serde_json::{Value, json};
use sqlx::PgConnection;
use uuid::Uuid;

use crate::domain::runtime::{JobKind, JobStep};
use crate::ids::{GameId, JobId};
use crate::postgres::Error;

/// An intent to do something to a game's runtime.
#[derive(Debug, Clone)]
pub struct NewJob {
    /// The game.
    pub game_id: GameId,
    /// What to do.
    pub kind: JobKind,
    /// What it needs beyond the game: `banish` → `{"race_name": …}`, `patch` → `{"version": …}`; the others `{}`. The
    /// versions and races of a start are read from the database when it is worked.
    pub payload: Value,
    /// The request that caused it.
    pub request_id: Option<String>,
    /// Its trace.
    pub traceparent: Option<String>,
}

/// Writes a job. It belongs to the daemon that has the game's record, or to any where there is none, or it was released.
///
/// # Errors
/// Those of the database; constraint `runtime_jobs_one_active_key` when a job of the game is still active.
pub async fn enqueue_job(conn: &mut PgConnection, new: NewJob) -> Result<JobId, Error> {
    let job_id = JobId::new();
    sqlx::query!(
        "INSERT INTO runtime_jobs (job_id, game_id, kind, payload, daemon_id, request_id, traceparent)
         VALUES ($1, $2, $3, $4, (SELECT nullif(daemon_id, '') FROM runtime_records WHERE game_id = $2), $5, $6)",
        job_id.uuid(),
        new.game_id.uuid(),
        new.kind.as_str(),
        new.payload,
        new.request_id,
        new.traceparent
    )
    .execute(conn)
    .await?;
    Ok(job_id)
}

/// As [`enqueue_job`], but `None` while another job of the game is active. The caller holds the game's row lock: two callers
/// cannot race, and the constraint behind it is never met.
pub async fn enqueue_if_idle(conn: &mut PgConnection, new: NewJob) -> Result<Option<JobId>, Error> {
    let job_id = JobId::new();
    // NOT EXISTS rather than running into the constraint: that would wait for a job that is just ending, which waits for
    // the game's row lock that the caller holds.
    let done = sqlx::query!(
        "INSERT INTO runtime_jobs (job_id, game_id, kind, payload, daemon_id, request_id, traceparent)
         SELECT $1, $2, $3, $4, (SELECT nullif(daemon_id, '') FROM runtime_records WHERE game_id = $2), $5, $6
          WHERE NOT EXISTS (SELECT FROM runtime_jobs WHERE game_id = $2 AND status IN ('pending', 'running', 'retrying'))",
        job_id.uuid(),
        new.game_id.uuid(),
        new.kind.as_str(),
        new.payload,
        new.request_id,
        new.traceparent
    )
    .execute(conn)
    .await?;
    Ok((done.rows_affected() == 1).then_some(job_id))
}

/// Whether a job of the game is active. The caller holds the game's row lock: none is enqueued meanwhile.
pub async fn has_active_job(conn: &mut PgConnection, game_id: GameId) -> Result<bool, Error> {
    Ok(sqlx::query_scalar!(
        r#"SELECT EXISTS (SELECT FROM runtime_jobs WHERE game_id = $1 AND status IN ('pending', 'running', 'retrying')) AS "has!""#,
        game_id.uuid()
    )
    .fetch_one(conn)
    .await?)
}

/// Asks for the game's container to go. `None` where an active job will see to it: every job looks at the game when it
/// ends, and enqueues the stop itself where the container is not needed any more. The caller holds the game's row lock.
pub async fn enqueue_stop(
    conn: &mut PgConnection,
    game_id: GameId,
    request_id: Option<&str>,
    traceparent: Option<&str>,
) -> Result<Option<JobId>, Error> {
    let new = NewJob {
        game_id,
        kind: JobKind::Stop,
        payload: json!({}),
        request_id: request_id.map(str::to_owned),
        traceparent: traceparent.map(str::to_owned),
    };
    enqueue_if_idle(conn, new).await
}

/// A job, for people.
#[derive(Debug, Clone)]
pub struct Job {
    /// Its game.
    pub game_id: GameId,
    /// The job's id.
    pub job_id: JobId,
    /// A word of [`JobKind`].
    pub kind: String,
    /// The step it is, or was, at.
    pub step: Option<String>,
    /// `pending`, `running`, `retrying`, `succeeded`, `failed` or `quarantined`.
    pub status: String,
    /// Attempts that failed.
    pub failures: i32,
    /// What went wrong last.
    pub last_error: Option<String>,
    /// When it was asked for.
    pub created_at: DateTime<Utc>,
    /// When it ended.
    pub finished_at: Option<DateTime<Utc>>,
}

/// The newest job of each of these games that ever had one: the active one, if any is. In no order.
pub async fn latest_jobs(conn: &mut PgConnection, games: &[Uuid]) -> Result<Vec<Job>, Error> {
    Ok(sqlx::query_as!(
        Job,
        r#"SELECT j.game_id AS "game_id: GameId", j.job_id AS "job_id: JobId", j.kind, j.step, j.status, j.failures, j.last_error,
                  j.created_at, j.finished_at
             FROM unnest($1::uuid[]) AS g (game_id)
            CROSS JOIN LATERAL (SELECT * FROM runtime_jobs WHERE game_id = g.game_id ORDER BY job_id DESC LIMIT 1) j"#,
        games
    )
    .fetch_all(conn)
    .await?)
}

/// What a worker must know of a job that it claimed.
#[derive(Debug, Clone)]
pub struct JobWork {
    /// The job's id.
    pub job_id: Uuid,
    /// Its game.
    pub game_id: GameId,
    /// A word of [`JobKind`].
    pub kind: String,
    /// As enqueued.
    pub payload: Value,
    /// The step that an earlier attempt had reached.
    pub step: Option<String>,
}

/// The claimed jobs' contents, in no order.
pub async fn job_work(conn: &mut PgConnection, ids: &[Uuid]) -> Result<Vec<JobWork>, Error> {
    Ok(sqlx::query_as!(
        JobWork,
        r#"SELECT job_id, game_id AS "game_id: GameId", kind, payload, step FROM runtime_jobs WHERE job_id = ANY ($1)"#,
        ids
    )
    .fetch_all(conn)
    .await?)
}

/// Notes the step that begins, and takes the job for this daemon. The caller has proven that the job is still its own.
pub async fn job_step(conn: &mut PgConnection, job_id: Uuid, step: JobStep, daemon_id: &str) -> Result<(), Error> {
    sqlx::query!(
        "UPDATE runtime_jobs SET step = $2, daemon_id = $3 WHERE job_id = $1",
        job_id,
        step.as_str(),
        daemon_id
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Notes how far a step is, for people: `pull: a1b2c3: Downloading`. The caller has proven that the job is still its own.
pub async fn job_progress(conn: &mut PgConnection, job_id: Uuid, step: JobStep, line: &str) -> Result<(), Error> {
    sqlx::query!(
        "UPDATE runtime_jobs SET step = left($2 || ': ' || $3, 200) WHERE job_id = $1",
        job_id,
        step.as_str(),
        line
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Adds to a job's payload what a later attempt must know. The caller has proven that the job is still its own.
pub async fn job_note(conn: &mut PgConnection, job_id: Uuid, note: &Value) -> Result<(), Error> {
    sqlx::query!("UPDATE runtime_jobs SET payload = payload || $2 WHERE job_id = $1", job_id, note)
        .execute(conn)
        .await?;
    Ok(())
}

/// Makes those jobs of this daemon, and of none yet, due at once that wait for longer than `longest`, which no job does: the database's
/// clock was ahead when they were put off. Answers how many there were; the others, of a thousand at most, with the next call.
pub async fn mend_jobs(conn: &mut PgConnection, daemon_id: &str, longest: Duration) -> Result<u64, Error> {
    // Two walks down the indexes of what is due, from their far ends. One that somebody is just claiming is not far.
    let done = sqlx::query!(
        "WITH far AS MATERIALIZED (
            SELECT q.job_id FROM runtime_jobs q
             WHERE q.status IN ('pending', 'retrying') AND NOT q.suspect AND q.priority = 0
               AND q.next_attempt_at > statement_timestamp() + make_interval(secs => $2)
               AND (q.daemon_id IS NULL OR q.daemon_id = $1)
             ORDER BY q.priority DESC, q.next_attempt_at DESC, q.job_id DESC LIMIT 500 FOR NO KEY UPDATE OF q SKIP LOCKED),
         suspects AS MATERIALIZED (
            SELECT q.job_id FROM runtime_jobs q
             WHERE q.status IN ('pending', 'retrying') AND q.suspect
               AND q.next_attempt_at > statement_timestamp() + make_interval(secs => $2)
               AND (q.daemon_id IS NULL OR q.daemon_id = $1)
             ORDER BY q.next_attempt_at DESC, q.job_id DESC LIMIT 500 FOR NO KEY UPDATE OF q SKIP LOCKED)
         UPDATE runtime_jobs SET next_attempt_at = clock_timestamp()
          WHERE job_id = ANY (ARRAY(SELECT job_id FROM far UNION ALL SELECT job_id FROM suspects))",
        daemon_id,
        longest.as_secs_f64()
    )
    .execute(conn)
    .await?;
    Ok(done.rows_affected())
}
