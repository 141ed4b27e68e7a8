//! What the runtime reads of games, and changes in them (SPEC §7, "Runtime tells the lobby in one place"). Each change wants
//! the game's lock to be held ([`super::lock`]), and names the states from which it may happen: a late answer on a game that
//! went elsewhere changes nothing.

use sqlx::PgConnection;

use crate::domain::game::{GameStatus, PauseReason};
use crate::ids::{GameId, UserId};
use crate::postgres::{Error, ensure_affected_rows};

/// What a start needs to know.
#[derive(Debug, Clone)]
pub struct StartFacts {
    /// Where the game stands.
    pub status: GameStatus,
    /// The wanted version.
    pub engine_version: String,
    /// Its image.
    pub image: String,
    /// The turn last recorded: above 0 only where the game ran before.
    pub current_turn: i32,
    /// Whether it ever ran.
    pub started: bool,
    /// What the engine is told when the game begins: an object.
    pub settings: serde_json::Value,
    /// Races of the active members, and of those who left since the start was asked for, oldest membership first: the same
    /// list in every attempt, as the engine takes one set of races only. Who left is banished after the start.
    pub races: Vec<String>,
}

/// Reads what a start needs.
pub async fn start_facts(conn: &mut PgConnection, game_id: GameId) -> Result<Option<StartFacts>, Error> {
    Ok(sqlx::query_as!(
        StartFacts,
        r#"SELECT g.status, v.version AS engine_version, v.image, g.current_turn, g.started_at IS NOT NULL AS "started!", g.settings,
                  ARRAY(SELECT m.race_name FROM memberships m WHERE m.game_id = g.game_id
                      AND (m.status = 'active' OR m.banish_due_at IS NOT NULL)
                         ORDER BY m.membership_id) AS "races!"
             FROM games g JOIN engine_versions v ON v.version = g.target_engine_version
            WHERE g.game_id = $1"#,
        game_id.uuid()
    )
    .fetch_optional(conn)
    .await?)
}

/// The races that the game's engine was, or is to be, initialised with: those of the active members, and of those whose membership
/// ended since (they are banished, or still to be). An engine that shows others, or fewer, answers badly (SPEC §8).
pub async fn engine_races(conn: &mut PgConnection, game_id: GameId) -> Result<Vec<String>, Error> {
    Ok(sqlx::query_scalar!(
        "SELECT race_name FROM memberships
          WHERE game_id = $1 AND (status = 'active' OR banish_due_at IS NOT NULL OR banished_at IS NOT NULL)
          GROUP BY race_name ORDER BY min(membership_id::text)",
        game_id.uuid()
    )
    .fetch_all(conn)
    .await?)
}

/// Who owns a game; `None` where nobody does.
pub async fn owner(conn: &mut PgConnection, game_id: GameId) -> Result<Option<UserId>, Error> {
    let owner = sqlx::query_scalar!(
        r#"SELECT owner_user_id AS "owner_user_id: UserId" FROM games WHERE game_id = $1"#,
        game_id.uuid()
    );
    Ok(owner.fetch_optional(conn).await?.flatten())
}

/// Where a game stands, without a lock.
pub async fn status(conn: &mut PgConnection, game_id: GameId) -> Result<Option<GameStatus>, Error> {
    Ok(sqlx::query_scalar!("SELECT status FROM games WHERE game_id = $1", game_id.uuid()).fetch_optional(conn).await?)
}

/// `starting → running`; answers whether it did. The turn stays: one that the engine is ahead by is recorded as every turn is.
pub async fn started(conn: &mut PgConnection, game_id: GameId) -> Result<bool, Error> {
    let done = sqlx::query!(
        "UPDATE games SET status = 'running', pause_reason = NULL, started_at = coalesce(started_at, clock_timestamp()),
                updated_at = clock_timestamp()
          WHERE game_id = $1 AND status = 'starting'",
        game_id.uuid()
    )
    .execute(conn)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// `starting → start_failed`; answers whether it did.
pub async fn start_failed(conn: &mut PgConnection, game_id: GameId) -> Result<bool, Error> {
    let done = sqlx::query!(
        "UPDATE games SET status = 'start_failed', updated_at = clock_timestamp() WHERE game_id = $1 AND status = 'starting'",
        game_id.uuid()
    )
    .execute(conn)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Records a turn that the engine generated. It is a fact whatever the game's status is by now; it never goes back.
/// Answers whether it is news.
pub async fn turn_generated(conn: &mut PgConnection, game_id: GameId, turn: i32) -> Result<bool, Error> {
    let done = sqlx::query!(
        "UPDATE games SET current_turn = $2, pauses = 0, updated_at = clock_timestamp() WHERE game_id = $1 AND current_turn < $2",
        game_id.uuid(),
        turn
    )
    .execute(conn)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// A pause, as the keys of notifications number it.
#[derive(Debug, Clone, Copy)]
pub struct Pause {
    /// Which of its turn's, from 1.
    pub pauses: i32,
    /// How often the game's turn was set right by hand.
    pub accepted_turns: i32,
}

/// `running → paused`; `None` where it did not.
pub async fn paused(conn: &mut PgConnection, game_id: GameId, reason: PauseReason) -> Result<Option<Pause>, Error> {
    Ok(sqlx::query_as!(
        Pause,
        "UPDATE games SET status = 'paused', pause_reason = $2, pauses = pauses + 1, updated_at = clock_timestamp()
          WHERE game_id = $1 AND status = 'running' RETURNING pauses, accepted_turns",
        game_id.uuid(),
        reason.as_str()
    )
    .fetch_optional(conn)
    .await?)
}

/// `paused → running` of a game that was paused because its engine did not answer, not longer than `within` ago; answers the number of
/// its pauses if it did. The caller holds its row lock.
pub async fn goes_on(
    conn: &mut PgConnection,
    game_id: GameId,
    within: chrono::TimeDelta,
) -> Result<Option<i32>, Error> {
    let seconds = within.num_seconds() as f64;
    Ok(sqlx::query_scalar!(
        "UPDATE games SET status = 'running', pause_reason = NULL, updated_at = clock_timestamp()
          WHERE game_id = $1 AND status = 'paused' AND pause_reason = 'engine_unreachable'
            AND updated_at > clock_timestamp() - make_interval(secs => $2) RETURNING pauses",
        game_id.uuid(),
        seconds
    )
    .fetch_optional(conn)
    .await?)
}

/// Another engine version has taken the place of the one that the game was started with: a later start takes it too.
pub async fn patched(conn: &mut PgConnection, game_id: GameId, version: &str) -> Result<(), Error> {
    sqlx::query!(
        "UPDATE games SET target_engine_version = $2, updated_at = clock_timestamp() WHERE game_id = $1",
        game_id.uuid(),
        version
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// The reason why a paused game is paused changes: stopped by hand, whatever it was.
pub async fn set_pause_reason(conn: &mut PgConnection, game_id: GameId, reason: PauseReason) -> Result<(), Error> {
    let done = sqlx::query!(
        "UPDATE games SET pause_reason = $2, updated_at = clock_timestamp() WHERE game_id = $1 AND status = 'paused'",
        game_id.uuid(),
        reason.as_str()
    )
    .execute(conn)
    .await?;
    ensure_affected_rows("games", &done, 1)
}

/// The engine says that the game is over: `running` or `paused → finished`; answers whether it did.
pub async fn finished(conn: &mut PgConnection, game_id: GameId, winners: &[String]) -> Result<bool, Error> {
    let done = sqlx::query!(
        "UPDATE games SET status = 'finished', winners = $2, pause_reason = NULL, finished_at = clock_timestamp(),
         updated_at = clock_timestamp()
          WHERE game_id = $1 AND status IN ('running', 'paused')",
        game_id.uuid(),
        winners
    )
    .execute(conn)
    .await?;
    Ok(done.rows_affected() == 1)
}
