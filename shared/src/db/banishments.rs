//! What the engines still have to be told of memberships that ended (`memberships.banish_due_at`, SPEC §7): who leaves a
//! game that has started, or may have, is banished in its engine.
//!
//! A game has one active runtime job at most, and an engine that is away cannot be told anything. So the debt stands on the
//! membership, written in the transaction that ends it, and a `banish` job is enqueued whenever the runtime is free: at
//! once, when a job ends, after a start, and by the sweeper. `docs/lobby.md` has the states and the table of failures.

use serde_json::Value;
use sqlx::PgConnection;
use uuid::Uuid;

use crate::ids::{GameId, JobId};
use crate::postgres::Error;

/// Enqueues one `banish` job for each of these games that owes one now, can be told (`running` or `paused`, with an engine)
/// and has no active job; answers for how many. The caller holds the games' row locks. Wake `Topic::RuntimeJobs` after the
/// commit.
pub async fn enqueue_due(
    conn: &mut PgConnection,
    games: &[GameId],
    request_id: Option<&str>,
    traceparent: Option<&str>,
) -> Result<u64, Error> {
    let jobs: Vec<Uuid> = games.iter().map(|_| JobId::new().uuid()).collect();
    let games: Vec<Uuid> = games.iter().map(|game| game.uuid()).collect();
    // NOT EXISTS for the reason that `enqueue_stop` gives. A job that is just ending is still seen here as active; it locks
    // the game before it commits, and looks for what is owed then.
    let done = sqlx::query!(
        "INSERT INTO runtime_jobs (job_id, game_id, kind, payload, daemon_id, request_id, traceparent)
         SELECT j.job_id, g.game_id, 'banish', jsonb_build_object('race_name', m.race_name), r.daemon_id, $3, $4
           FROM unnest($1::uuid[], $2::uuid[]) AS j (job_id, game_id)
           JOIN games g USING (game_id)
           JOIN runtime_records r USING (game_id)
           CROSS JOIN LATERAL (SELECT race_name FROM memberships
                                WHERE game_id = g.game_id AND banish_due_at <= clock_timestamp()
                                ORDER BY banish_due_at, membership_id LIMIT 1) m
          WHERE g.status IN ('running', 'paused') AND r.endpoint IS NOT NULL AND r.status <> 'engine_unreachable'
            AND NOT EXISTS (SELECT FROM runtime_jobs a WHERE a.game_id = g.game_id AND a.status IN ('pending', 'running', 'retrying'))",
        &jobs,
        &games,
        request_id,
        traceparent
    )
    .execute(conn)
    .await?;
    Ok(done.rows_affected())
}

/// The engine has banished the race: nothing is owed for it any more.
pub async fn settled(conn: &mut PgConnection, game_id: GameId, race_name: &str) -> Result<(), Error> {
    sqlx::query!(
        "UPDATE memberships SET banish_due_at = NULL, banished_at = clock_timestamp()
          WHERE game_id = $1 AND race_name = $2 AND banish_due_at IS NOT NULL",
        game_id.uuid(),
        race_name
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// A job ended that may not have got through to the engine: the race it names, if that is still owed, is tried again after
/// `seconds`. Answers whether it is.
pub async fn postpone(conn: &mut PgConnection, game_id: GameId, payload: &Value, seconds: f64) -> Result<bool, Error> {
    let done = sqlx::query!(
        "UPDATE memberships SET banish_due_at = clock_timestamp() + make_interval(secs => $3)
          WHERE game_id = $1 AND race_name = $2::jsonb ->> 'race_name' AND banish_due_at IS NOT NULL",
        game_id.uuid(),
        payload,
        seconds
    )
    .execute(conn)
    .await?;
    Ok(done.rows_affected() > 0)
}

/// Whatever stood in the way of the game's banishments is over: all are due now.
pub async fn bring_forward(conn: &mut PgConnection, game_id: GameId) -> Result<(), Error> {
    sqlx::query!(
        "UPDATE memberships SET banish_due_at = clock_timestamp() WHERE game_id = $1 AND banish_due_at > clock_timestamp()",
        game_id.uuid()
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Locks games with banishments that are due, in the order of their ids, at most `limit`. Those that somebody else has
/// locked are left to them.
pub async fn lock_due(conn: &mut PgConnection, limit: i64) -> Result<Vec<GameId>, Error> {
    Ok(sqlx::query_scalar!(
        r#"SELECT game_id AS "game_id: GameId" FROM games
            WHERE game_id IN (SELECT game_id FROM memberships WHERE banish_due_at <= statement_timestamp() ORDER BY banish_due_at LIMIT $1)
            ORDER BY game_id FOR NO KEY UPDATE SKIP LOCKED"#,
        limit
    )
    .fetch_all(conn)
    .await?)
}

/// What the sweeper does with due banishments of locked games after [`enqueue_due`]: where the game is over nothing is owed
/// any more; the rest waits `seconds` before it is looked at again, so that what cannot be told now is not in the way of what
/// can. A job, or a start, that ends sooner does not wait for that.
pub async fn set_aside(conn: &mut PgConnection, games: &[GameId], seconds: f64) -> Result<(), Error> {
    let games: Vec<Uuid> = games.iter().map(|game| game.uuid()).collect();
    sqlx::query!(
        "UPDATE memberships m
            SET banish_due_at = CASE WHEN g.status IN ('finished', 'cancelled') THEN NULL
            ELSE clock_timestamp() + make_interval(secs => $2) END
           FROM games g
          WHERE m.game_id = ANY ($1) AND g.game_id = m.game_id AND m.banish_due_at <= clock_timestamp()",
        &games,
        seconds
    )
    .execute(conn)
    .await?;
    Ok(())
}
