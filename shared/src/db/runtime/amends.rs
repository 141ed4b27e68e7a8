//! What administrators set right by hand where the runtime cannot (SPEC §8, "There is a way on"). The caller holds the game's
//! row lock.

use sqlx::PgConnection;

use crate::ids::{GameId, JobId};
use crate::postgres::{Error, ensure_affected_rows};

/// Takes the engine's turn as the game's, whichever way it differs, and begins no generation anew: the turn that a broken one
/// was closing is forgotten.
pub async fn accept_turn(conn: &mut PgConnection, game_id: GameId, turn: i32) -> Result<(), Error> {
    let done = sqlx::query!(
        "UPDATE games SET current_turn = $2, pauses = 0, accepted_turns = accepted_turns + 1, updated_at = clock_timestamp()
          WHERE game_id = $1",
        game_id.uuid(),
        turn
    )
    .execute(&mut *conn)
    .await?;
    ensure_affected_rows("games", &done, 1)?;
    let done = sqlx::query!(
        "UPDATE runtime_records SET current_turn = $2, updated_at = clock_timestamp() WHERE game_id = $1",
        game_id.uuid(),
        turn
    )
    .execute(&mut *conn)
    .await?;
    ensure_affected_rows("runtime_records", &done, 1)?;
    sqlx::query!("UPDATE runtime_turns SET expected_turn = NULL WHERE game_id = $1", game_id.uuid())
        .execute(conn)
        .await?;
    Ok(())
}

/// The active job of a game, and whose it is.
#[derive(Debug, Clone)]
pub struct ActiveJob {
    /// The job's id.
    pub job_id: JobId,
    /// A word of [`JobKind`](crate::domain::runtime::JobKind).
    pub kind: String,
    /// The only daemon that may work it; null: any.
    pub daemon_id: Option<String>,
    /// Whether a live controller may work it.
    pub served: bool,
}

/// The active job, locked; `None` where there is none, or it is just ending: its finish holds it, and waits for the game that the
/// caller has.
pub async fn lock_active_job(conn: &mut PgConnection, game_id: GameId) -> Result<Option<ActiveJob>, Error> {
    Ok(sqlx::query_as!(
        ActiveJob,
        r#"SELECT j.job_id AS "job_id: JobId", j.kind, j.daemon_id,
                  EXISTS (SELECT FROM workers w WHERE w.daemon_id IS NOT NULL AND (j.daemon_id IS NULL OR w.daemon_id = j.daemon_id)
                            AND w.expires_at > clock_timestamp()) AS "served!"
             FROM runtime_jobs j WHERE j.game_id = $1 AND j.status IN ('pending', 'running', 'retrying') FOR NO KEY UPDATE SKIP LOCKED"#,
        game_id.uuid()
    )
    .fetch_optional(conn)
    .await?)
}

/// Ends an active job without its effect. Its fencing token moves on: a controller that still works it is not heard.
pub async fn cancel_job(conn: &mut PgConnection, job_id: JobId, why: &str) -> Result<(), Error> {
    let done = sqlx::query!(
        "UPDATE runtime_jobs SET status = 'failed', token = token + 1, worker_id = NULL, deadline_at = NULL,
         last_error = $2, finished_at = clock_timestamp()
          WHERE job_id = $1 AND status IN ('pending', 'running', 'retrying')",
        job_id.uuid(),
        why
    )
    .execute(conn)
    .await?;
    ensure_affected_rows("runtime_jobs", &done, 1)
}

/// Frees a record: it is no daemon's, has no container, and the daemon that starts the game next takes it. `false`, and nothing is
/// changed, where its timer is just being finished, which waits for the game that the caller has.
pub async fn release(conn: &mut PgConnection, game_id: GameId) -> Result<bool, Error> {
    let timer = sqlx::query_scalar!(
        r#"SELECT NOT EXISTS (SELECT FROM runtime_turns WHERE game_id = $1)
                  OR EXISTS (SELECT FROM (SELECT FROM runtime_turns WHERE game_id = $1 FOR NO KEY UPDATE SKIP LOCKED) t) AS "free!""#,
        game_id.uuid()
    );
    if !timer.fetch_one(&mut *conn).await? {
        return Ok(false);
    }
    let done = sqlx::query!(
        "UPDATE runtime_records
            SET daemon_id = '', status = 'stopped', container_id = NULL, endpoint = NULL, health = 'unknown', unserved_since = NULL,
                updated_at = clock_timestamp()
          WHERE game_id = $1 AND status <> 'finished'",
        game_id.uuid()
    )
    .execute(&mut *conn)
    .await?;
    ensure_affected_rows("runtime_records", &done, 1)?;
    // Whatever of the former daemon still generated is not heard any more.
    sqlx::query!(
        "UPDATE runtime_turns
            SET daemon_id = '', token = token + 1, worker_id = NULL, deadline_at = NULL, expected_turn = NULL,
                rested_at = CASE WHEN status IN ('pending', 'generating', 'retrying') THEN clock_timestamp() ELSE rested_at END,
                status = CASE WHEN status IN ('pending', 'generating', 'retrying') THEN 'idle' ELSE status END
          WHERE game_id = $1",
        game_id.uuid()
    )
    .execute(conn)
    .await?;
    Ok(true)
}
