//! Games that are ended before their engines end them (SPEC §7): by a person, or by the sweeper where nobody is left.

use std::time::Duration;

use sqlx::PgConnection;

use super::notifications::{NewNotification, produce};
use super::{race_names, runtime};
use crate::domain::notification::{Audience, Payload};
use crate::ids::GameId;
use crate::postgres::Error;

/// Why a game ends when nobody is left in it, for those who look at it later.
pub const ABANDONED: &str = "nobody was left in it";

/// A game that is to end.
#[derive(Debug)]
pub struct Ending<'a> {
    /// The game.
    pub game_id: GameId,
    /// The turn that is open.
    pub turn: u32,
    /// Why, as it is shown.
    pub reason: &'a str,
    /// `BACKEND_LOBBY_PENDING_REGISTRATION_TTL`.
    pub pending_registration_ttl: Duration,
    /// The request that asks for it.
    pub request_id: Option<&'a str>,
    /// Its trace.
    pub traceparent: Option<&'a str>,
}

/// What became of [`end`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    /// The game is finished. Wake notifications and jobs after the commit.
    Done,
    /// A job of its runtime is under way: nothing was changed.
    Busy,
    /// It has not run, or is over: nothing was changed.
    NotRun,
}

/// Finishes a game that has run, without winners, with all that follows: its timer rests, names that were reserved for it become
/// `pending_registration` where the race was not extinct by the engine's last status and are released otherwise, members are
/// told, and its container goes by a job. A turn that is being generated is let end. The caller holds the game's row lock.
pub async fn end(conn: &mut PgConnection, ending: &Ending<'_>) -> Result<Ended, Error> {
    let game_id = ending.game_id;
    let state = sqlx::query!(
        r#"SELECT g.status IN ('running', 'paused', 'start_failed') AND g.started_at IS NOT NULL AS "may!",
           r.container_id AS "container_id?",
                  coalesce(r.extinct_races, '{}') AS "extinct!",
                  EXISTS (SELECT FROM runtime_jobs j WHERE j.game_id = g.game_id
                      AND j.status IN ('pending', 'running', 'retrying')) AS "busy!"
             FROM games g LEFT JOIN runtime_records r USING (game_id) WHERE g.game_id = $1"#,
        game_id.uuid()
    )
    .fetch_optional(&mut *conn)
    .await?;
    let Some(state) = state.filter(|state| state.may) else { return Ok(Ended::NotRun) };
    if state.busy {
        return Ok(Ended::Busy);
    }
    sqlx::query!(
        "UPDATE games SET status = 'finished', winners = '{}', pause_reason = NULL, end_reason = $2, finished_at = clock_timestamp(),
                updated_at = clock_timestamp()
          WHERE game_id = $1",
        game_id.uuid(),
        ending.reason
    )
    .execute(&mut *conn)
    .await?;
    runtime::park_turn(conn, game_id).await?;
    runtime::record_operation(conn, game_id, None, "end", "ok", Some(ending.reason)).await?;
    settle_names(conn, ending, &state.extinct).await?;
    let payload = Payload::GameFinished { game_id, turn: ending.turn, winners: Vec::new() };
    tell(conn, ending, payload, format!("finished:{game_id}"), Audience::GameMembers, Some(game_id)).await?;
    if state.container_id.is_some() {
        runtime::enqueue_stop(conn, game_id, ending.request_id, ending.traceparent).await?;
    }
    Ok(Ended::Done)
}

async fn settle_names(conn: &mut PgConnection, ending: &Ending<'_>, extinct: &[String]) -> Result<(), Error> {
    let game_id = ending.game_id;
    let surviving = sqlx::query_scalar!(
        "SELECT race_name FROM race_names WHERE game_id = $1 AND status = 'reserved' AND NOT race_name = ANY ($2)",
        game_id.uuid(),
        extinct
    )
    .fetch_all(&mut *conn)
    .await?;
    let ttl = ending.pending_registration_ttl.as_secs_f64();
    for name in race_names::settle(conn, game_id, &surviving, ttl).await? {
        let key = format!("pending:{game_id}:{}", name.user_id);
        let payload = Payload::LobbyRaceNamePending { race_name: name.race_name, expires_at: name.expires_at };
        tell(conn, ending, payload, key, Audience::Users(vec![name.user_id]), None).await?;
    }
    Ok(())
}

async fn tell(
    conn: &mut PgConnection,
    ending: &Ending<'_>,
    payload: Payload,
    idempotency_key: String,
    audience: Audience,
    game_id: Option<GameId>,
) -> Result<(), Error> {
    let new = NewNotification {
        payload,
        idempotency_key,
        audience,
        game_id,
        request_id: ending.request_id.map(str::to_owned),
        traceparent: ending.traceparent.map(str::to_owned),
    };
    produce(conn, new).await.map(drop)
}

/// Whether the game was ended before its engine ended it: then its reports are still to be kept.
pub async fn was_ended(conn: &mut PgConnection, game_id: GameId) -> Result<bool, Error> {
    let ended = sqlx::query_scalar!(
        r#"SELECT end_reason IS NOT NULL AS "ended!" FROM games WHERE game_id = $1 AND status = 'finished'"#,
        game_id.uuid()
    );
    Ok(ended.fetch_optional(conn).await?.unwrap_or(false))
}

/// Locks games that have run and had no active member for `ttl_seconds` (`BACKEND_LOBBY_ABANDONED_TTL`), at most `limit`, with
/// their open turns. Those that another sweeper has, and those whose runtime is at work, are left for later.
pub async fn lock_abandoned(
    conn: &mut PgConnection,
    ttl_seconds: f64,
    limit: i64,
) -> Result<Vec<(GameId, u32)>, Error> {
    let rows = sqlx::query!(
        r#"SELECT g.game_id AS "game_id: GameId", g.current_turn FROM games g
            WHERE g.approved_count = 0 AND g.started_at IS NOT NULL AND g.status IN ('running', 'paused', 'start_failed')
              AND greatest(g.started_at, (SELECT max(m.ended_at) FROM memberships m WHERE m.game_id = g.game_id))
                  < statement_timestamp() - make_interval(secs => $1)
              AND NOT EXISTS (SELECT FROM runtime_jobs j WHERE j.game_id = g.game_id AND j.status IN ('pending', 'running', 'retrying'))
            ORDER BY g.game_id LIMIT $2 FOR NO KEY UPDATE OF g SKIP LOCKED"#,
        ttl_seconds,
        limit
    )
    .fetch_all(conn)
    .await?;
    Ok(rows.into_iter().map(|row| (row.game_id, row.current_turn.unsigned_abs())).collect())
}
