//! `runtime_operations`: what was done to a runtime, append-only.

use chrono::{DateTime, Utc};
use sqlx::PgConnection;
use uuid::Uuid;

use crate::ids::{GameId, OperationId};
use crate::postgres::Error;

/// An entry of the operations log.
#[derive(Debug, Clone)]
pub struct Operation {
    /// The game.
    pub game_id: GameId,
    /// Its id; newer ones are greater.
    pub operation_id: OperationId,
    /// The job that did it; null for the timer.
    pub job_id: Option<Uuid>,
    /// What was done: a job kind, `turn`, `create`, or what the reconciler saw and did: `revive`, `lost`, `health` …
    pub op: String,
    /// `ok`, or a word for what went wrong.
    pub outcome: String,
    /// More, for people. No secrets.
    pub detail: Option<String>,
    /// When, the first time.
    pub at: DateTime<Utc>,
    /// How often it happened, one after the other.
    pub times: i32,
    /// When, the last time.
    pub last_at: DateTime<Utc>,
}

/// Adds an entry.
pub async fn record_operation(
    conn: &mut PgConnection,
    game_id: GameId,
    job_id: Option<Uuid>,
    op: &str,
    outcome: &str,
    detail: Option<&str>,
) -> Result<(), Error> {
    sqlx::query!(
        "INSERT INTO runtime_operations (operation_id, game_id, job_id, op, outcome, detail) VALUES ($1, $2, $3, $4, $5, left($6, 2000))",
        OperationId::new().uuid(),
        game_id.uuid(),
        job_id,
        op,
        outcome,
        detail
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Adds the entry of a turn that was generated, with the image that did it.
pub async fn record_turn(conn: &mut PgConnection, game_id: GameId, turn: u32) -> Result<(), Error> {
    sqlx::query!(
        "INSERT INTO runtime_operations (operation_id, game_id, op, outcome, detail)
         SELECT $1, r.game_id, 'turn', 'ok', left('turn ' || $3::bigint || ' by ' || coalesce(r.image_digest, r.image), 2000)
           FROM runtime_records r WHERE r.game_id = $2",
        OperationId::new().uuid(),
        game_id.uuid(),
        i64::from(turn)
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// As [`record_operation`], but what was done with the same outcome within the last hour is counted in its entry instead, which
/// takes the new detail: what happens again and again fills no log.
pub async fn count_operation(
    conn: &mut PgConnection,
    game_id: GameId,
    op: &str,
    outcome: &str,
    detail: Option<&str>,
) -> Result<(), Error> {
    // Looked for among the newest only: the log of a game may be long.
    let counted = sqlx::query!(
        "UPDATE runtime_operations SET times = times + 1, last_at = clock_timestamp(), detail = left($4, 2000)
          WHERE operation_id = (
            SELECT operation_id FROM (SELECT operation_id, op, outcome, last_at FROM runtime_operations
                WHERE game_id = $1 ORDER BY operation_id DESC LIMIT 100) o
             WHERE o.op = $2 AND o.outcome = $3 AND o.last_at > clock_timestamp() - interval '1 hour' ORDER BY operation_id DESC LIMIT 1)",
        game_id.uuid(),
        op,
        outcome,
        detail
    )
    .execute(&mut *conn)
    .await?;
    match counted.rows_affected() {
        0 => record_operation(conn, game_id, None, op, outcome, detail).await,
        _ => Ok(()),
    }
}

/// The newest entries of each of these games, at most `limit` of each; of one game the newest first.
pub async fn operations(conn: &mut PgConnection, games: &[Uuid], limit: i64) -> Result<Vec<Operation>, Error> {
    Ok(sqlx::query_as!(
        Operation,
        r#"SELECT o.game_id AS "game_id: GameId", o.operation_id AS "operation_id: OperationId", o.job_id, o.op,
           o.outcome, o.detail, o.at, o.times, o.last_at
             FROM unnest($1::uuid[]) AS g (game_id)
            CROSS JOIN LATERAL (SELECT * FROM runtime_operations WHERE game_id = g.game_id ORDER BY operation_id DESC LIMIT $2) o
            ORDER BY o.game_id, o.operation_id DESC"#,
        games,
        limit
    )
    .fetch_all(conn)
    .await?)
}

/// Deletes at most `limit` entries older than `older_than_seconds` (`BACKEND_RETENTION_OPERATIONS`); answers how many.
pub async fn delete_old_operations(conn: &mut PgConnection, older_than_seconds: f64, limit: i64) -> Result<u64, Error> {
    // The ids are ordered by time, so the primary key's start is where the old ones are.
    let done = sqlx::query!(
        "DELETE FROM runtime_operations WHERE operation_id IN (
            SELECT operation_id FROM (SELECT operation_id, at FROM runtime_operations ORDER BY operation_id LIMIT $2) o
             WHERE o.at < clock_timestamp() - make_interval(secs => $1))",
        older_than_seconds,
        limit
    )
    .execute(conn)
    .await?;
    Ok(done.rows_affected())
}
