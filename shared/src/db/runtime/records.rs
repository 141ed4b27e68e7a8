//! `runtime_records`: one per game.

use chrono::{DateTime, Utc};
use sqlx::PgConnection;

use super::images::PinnedImage;
use crate::db::lists::below;
use crate::domain::game::{GameStatus, PauseReason};
use crate::domain::runtime::{Health, RuntimeStatus};
use crate::engine_client::EngineTarget;
use crate::ids::GameId;
use crate::postgres::Error;
use crate::secret::Secret;

/// A runtime as it is recorded. The engine's token is not in it: see [`target`].
#[derive(Debug, Clone)]
pub struct RuntimeRecord {
    /// The game.
    pub game_id: GameId,
    /// Where it stands.
    pub status: RuntimeStatus,
    /// `docker` or `process`.
    pub driver: String,
    /// Whose container it is; see the column's comment.
    pub daemon_id: String,
    /// Version label that was started.
    pub engine_version: String,
    /// Image reference (or binary) that was started.
    pub image: String,
    /// Content digest of the image, where the driver knows one.
    pub image_digest: Option<String>,
    /// The driver's id of the container.
    pub container_id: Option<String>,
    /// Base URL of the engine, while it is up.
    pub endpoint: Option<String>,
    /// Turn now open.
    pub current_turn: i32,
    /// As last seen; `unserved` while no live controller serves, or may turn out to serve, the daemon that has, or is to have, its
    /// container.
    pub health: Health,
    /// A forced turn was run or asked for: the next scheduled one is skipped.
    pub skip_next_tick: bool,
    /// When the next turn is due; null while the timer rests.
    pub next_turn_at: Option<DateTime<Utc>>,
    /// First start.
    pub created_at: DateTime<Utc>,
    /// Last change.
    pub updated_at: DateTime<Utc>,
}

/// The one list of columns of a [`RuntimeRecord`]; the rest of the statement follows as a literal.
macro_rules! runtimes {
    ($tail:tt $(, $argument:expr)*) => {
        sqlx::query_as!(
            RuntimeRecord,
            r#"SELECT r.game_id AS "game_id: GameId", r.status, r.driver, r.daemon_id, r.engine_version, r.image, r.image_digest,
                      r.container_id, r.endpoint, r.current_turn, r.skip_next_tick, r.created_at, r.updated_at,
                      CASE WHEN r.daemon_id <> ''
                          AND (r.container_id IS NOT NULL OR r.status IN ('starting', 'running', 'generation_in_progress'))
                            AND NOT EXISTS (SELECT FROM workers w WHERE w.expires_at > clock_timestamp()
                                             AND (w.daemon_id = r.daemon_id OR w.daemon_id IS NULL AND w.process = 'runtime-controller'))
                           THEN 'unserved' ELSE r.health END AS "health!: Health",
                      CASE WHEN t.status IN ('pending', 'generating', 'retrying') THEN t.scheduled_at END AS next_turn_at
                 FROM runtime_records r LEFT JOIN runtime_turns t USING (game_id) "# + $tail
            $(, $argument)*
        )
    };
}

/// The runtime of a game, if it was ever started.
pub async fn record(conn: &mut PgConnection, game_id: GameId) -> Result<Option<RuntimeRecord>, Error> {
    Ok(runtimes!("WHERE r.game_id = $1", game_id.uuid()).fetch_optional(conn).await?)
}

/// Runtimes by descending game id, from below `before`: one page of the administrators' list, perhaps of one status only.
pub async fn records(
    conn: &mut PgConnection,
    status: Option<RuntimeStatus>,
    before: Option<GameId>,
    limit: i64,
) -> Result<Vec<RuntimeRecord>, Error> {
    // Two statements, so that each has its index whatever plan is kept for it. The page is an array: to the planner few rows,
    // beside which timers and jobs are looked up and not read whole.
    match status {
        None => {
            Ok(runtimes!(
                "WHERE r.game_id = ANY (ARRAY(SELECT game_id FROM runtime_records WHERE game_id < $1 ORDER BY game_id DESC LIMIT $2))
                  ORDER BY r.game_id DESC",
                below(before),
                limit
            )
            .fetch_all(conn)
            .await?)
        }
        Some(status) => {
            Ok(runtimes!(
                "WHERE r.game_id = ANY (ARRAY(SELECT game_id FROM runtime_records WHERE status = $1 AND game_id < $2
                                               ORDER BY game_id DESC LIMIT $3))
                  ORDER BY r.game_id DESC",
                status.as_str(),
                below(before),
                limit
            )
            .fetch_all(conn)
            .await?)
        }
    }
}

/// Where the engine of a game is reached, and with what token. `None` while it is not up.
pub async fn target(conn: &mut PgConnection, game_id: GameId) -> Result<Option<EngineTarget>, Error> {
    let row = sqlx::query!("SELECT endpoint, engine_token FROM runtime_records WHERE game_id = $1", game_id.uuid())
        .fetch_optional(conn)
        .await?;
    Ok(row.and_then(|row| Some(EngineTarget { endpoint: row.endpoint?, token: Secret::new(row.engine_token) })))
}

/// What [`prepare_record`] leaves behind.
#[derive(Debug, Clone)]
pub struct Prepared {
    /// The engine's token: that of the first attempt of this start.
    pub engine_token: Secret,
    /// The image reference: that of the pinned image, where there is one.
    pub image: String,
    /// The image that the game began with.
    pub pinned: Option<PinnedImage>,
}

/// Makes the record of a game that starts, or finds the one of an earlier attempt and sets it to `starting` with the
/// wanted version and image. Every container gets a token of its own (SPEC §8): `fresh_token` is taken by the first attempt of a
/// start, and stays in its later ones. So does the image that was met, and it stays for good once the game has run, unless another
/// version is wanted. A record that was released is this daemon's from now on; one of another daemon, or of a finished game, is left
/// alone and answers `None`.
pub async fn prepare_record(
    conn: &mut PgConnection,
    game_id: GameId,
    driver: &str,
    daemon_id: &str,
    engine_version: &str,
    image: &str,
    fresh_token: &Secret,
) -> Result<Option<Prepared>, Error> {
    let row = sqlx::query!(
        "INSERT INTO runtime_records AS r (game_id, status, driver, daemon_id, engine_version, image, engine_token)
         VALUES ($1, 'starting', $2, $3, $4, $5, $6)
         ON CONFLICT (game_id) DO UPDATE
            SET status = 'starting', engine_version = EXCLUDED.engine_version, updated_at = clock_timestamp(),
                driver = EXCLUDED.driver, daemon_id = EXCLUDED.daemon_id, unserved_since = NULL,
                revivals = 0, revive_at = NULL, misses = 0, ill_since = NULL, well_since = NULL, probed_at = NULL,
                engine_token = CASE WHEN r.status = 'starting' THEN r.engine_token ELSE EXCLUDED.engine_token END,
                (image, image_id, image_digest) = (
                    SELECT CASE WHEN pinned THEN r.image ELSE EXCLUDED.image END, CASE WHEN pinned THEN r.image_id END,
                           CASE WHEN pinned THEN r.image_digest END
                      FROM (SELECT r.image_id IS NOT NULL AND r.engine_version = EXCLUDED.engine_version
                                   AND (r.status = 'starting' OR g.started_at IS NOT NULL) AS pinned
                              FROM games g WHERE g.game_id = r.game_id) p)
          WHERE r.daemon_id IN (EXCLUDED.daemon_id, '') AND r.status <> 'finished'
         RETURNING engine_token, image, image_id, image_digest",
        game_id.uuid(),
        driver,
        daemon_id,
        engine_version,
        image,
        fresh_token.expose()
    )
    .fetch_optional(conn)
    .await?;
    Ok(row.map(|row| Prepared {
        engine_token: Secret::new(row.engine_token),
        image: row.image,
        pinned: PinnedImage::read(row.image_id, row.image_digest),
    }))
}

/// Notes the container that was made.
pub async fn record_container(conn: &mut PgConnection, game_id: GameId, container_id: &str) -> Result<(), Error> {
    sqlx::query!(
        "UPDATE runtime_records SET container_id = $2, updated_at = clock_timestamp() WHERE game_id = $1",
        game_id.uuid(),
        container_id
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Notes where the started engine is reached, and its container, which a restart may have changed. Whoever else of the daemon was
/// recorded there is not there any more: they lose the address in the same statement (SPEC §8, "Only the game's own engine is called").
pub async fn record_endpoint(
    conn: &mut PgConnection,
    game_id: GameId,
    container_id: &str,
    endpoint: &str,
) -> Result<(), Error> {
    // The count makes the others lose it first: the index allows no moment in which two have it.
    sqlx::query!(
        "WITH others AS (
            UPDATE runtime_records SET endpoint = NULL, health = 'unknown', updated_at = clock_timestamp()
             WHERE daemon_id = (SELECT daemon_id FROM runtime_records WHERE game_id = $1) AND endpoint = $3 AND game_id <> $1 RETURNING 1)
         UPDATE runtime_records SET container_id = $2, endpoint = $3, updated_at = clock_timestamp()
          WHERE game_id = $1 AND (SELECT count(*) FROM others) >= 0",
        game_id.uuid(),
        container_id,
        endpoint
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Notes what the last probe saw.
pub async fn record_health(conn: &mut PgConnection, game_id: GameId, health: Health) -> Result<(), Error> {
    sqlx::query!(
        "UPDATE runtime_records SET health = $2, updated_at = clock_timestamp() WHERE game_id = $1 AND health <> $2",
        game_id.uuid(),
        health.as_str()
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Notes that there is no container any more. The status goes to `status` where it may; a finished one stays finished.
pub async fn record_containerless(
    conn: &mut PgConnection,
    game_id: GameId,
    status: RuntimeStatus,
) -> Result<(), Error> {
    sqlx::query!(
        "UPDATE runtime_records
            SET container_id = NULL, endpoint = NULL, health = 'unknown', updated_at = clock_timestamp(),
                status = CASE WHEN status = ANY ($3) THEN $2 ELSE status END
          WHERE game_id = $1",
        game_id.uuid(),
        status.as_str(),
        &RuntimeStatus::sources_of(status)
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Moves the status where the state machine allows it; answers whether it did.
pub async fn set_record_status(conn: &mut PgConnection, game_id: GameId, status: RuntimeStatus) -> Result<bool, Error> {
    let done = sqlx::query!(
        "UPDATE runtime_records SET status = $2, updated_at = clock_timestamp() WHERE game_id = $1 AND status = ANY ($3)",
        game_id.uuid(),
        status.as_str(),
        &RuntimeStatus::sources_of(status)
    )
    .execute(conn)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Records the engine's turn after a generation or a start. The turn never goes back. The status moves where it may: a
/// runtime that was stopped meanwhile stays stopped.
pub async fn turn_advanced(
    conn: &mut PgConnection,
    game_id: GameId,
    turn: i32,
    status: RuntimeStatus,
) -> Result<(), Error> {
    sqlx::query!(
        "UPDATE runtime_records
            SET current_turn = greatest(current_turn, $2), skip_next_tick = false, health = 'healthy', misses = 0,
                ill_since = NULL, updated_at = clock_timestamp(),
                status = CASE WHEN status = ANY ($4) THEN $3 ELSE status END
          WHERE game_id = $1",
        game_id.uuid(),
        turn,
        status.as_str(),
        &RuntimeStatus::sources_of(status)
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Notes which races are extinct by the engine's last status: what is known of them when the game is ended without it.
pub async fn set_extinct_races(conn: &mut PgConnection, game_id: GameId, extinct: &[String]) -> Result<(), Error> {
    sqlx::query!(
        "UPDATE runtime_records SET extinct_races = $2 WHERE game_id = $1 AND extinct_races IS DISTINCT FROM $2",
        game_id.uuid(),
        extinct
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// What is needed to bring a game's engine back, or to replace it.
#[derive(Debug, Clone)]
pub struct EngineFacts {
    /// Where the game stands.
    pub game_status: GameStatus,
    /// Where it stands.
    pub status: RuntimeStatus,
    /// Version label that was started.
    pub engine_version: String,
    /// Image that was started.
    pub image: String,
    /// The image that it stood for then.
    pub pinned: Option<PinnedImage>,
    /// The turn last recorded.
    pub current_turn: i32,
    /// The engine's token.
    pub engine_token: Secret,
    /// Its container, as recorded.
    pub container_id: Option<String>,
    /// Where it was reached last.
    pub endpoint: Option<String>,
    /// Why the game is paused.
    pub pause_reason: Option<PauseReason>,
}

/// What is needed to bring a game's engine back; `None` where it was never started on this daemon.
pub async fn engine_facts(
    conn: &mut PgConnection,
    game_id: GameId,
    daemon_id: &str,
) -> Result<Option<EngineFacts>, Error> {
    let row = sqlx::query!(
        "SELECT g.status AS game_status, r.status, r.engine_version, r.image, r.image_id, r.image_digest,
         r.current_turn, r.engine_token, r.endpoint,
                r.container_id, g.pause_reason
           FROM runtime_records r JOIN games g USING (game_id) WHERE r.game_id = $1 AND r.daemon_id = $2",
        game_id.uuid(),
        daemon_id
    )
    .fetch_optional(conn)
    .await?;
    Ok(row.map(|row| EngineFacts {
        game_status: row.game_status,
        status: row.status,
        engine_version: row.engine_version,
        image: row.image,
        pinned: PinnedImage::read(row.image_id, row.image_digest),
        current_turn: row.current_turn,
        engine_token: Secret::new(row.engine_token),
        endpoint: row.endpoint,
        container_id: row.container_id,
        pause_reason: row.pause_reason,
    }))
}

/// Whether a turn of the game is being generated at this moment, as opposed to waiting for its next try.
pub async fn is_generating(conn: &mut PgConnection, game_id: GameId) -> Result<bool, Error> {
    Ok(sqlx::query_scalar!(
        r#"SELECT EXISTS (SELECT FROM runtime_records r JOIN runtime_turns t USING (game_id)
                           WHERE r.game_id = $1 AND r.status = 'generation_in_progress' AND t.status = 'generating') AS "is!""#,
        game_id.uuid()
    )
    .fetch_one(conn)
    .await?)
}

/// Takes the engine from turns and orders, until [`engine_replaced`] or [`record_containerless`]. Answers whether there was
/// one to take. The caller holds the game's row lock, and no turn [`is_generating`].
pub async fn hold_engine(conn: &mut PgConnection, game_id: GameId, fresh_token: &Secret) -> Result<bool, Error> {
    let done = sqlx::query!(
        "UPDATE runtime_records SET status = 'starting', endpoint = NULL, health = 'unknown', engine_token = $2,
         updated_at = clock_timestamp()
          WHERE game_id = $1
            AND status IN ('starting', 'running', 'generation_in_progress', 'engine_unreachable', 'generation_failed')",
        game_id.uuid(),
        fresh_token.expose()
    )
    .execute(conn)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Gives the container that is to be made a token of its own.
pub async fn renew_token(conn: &mut PgConnection, game_id: GameId, fresh: &Secret) -> Result<(), Error> {
    sqlx::query!("UPDATE runtime_records SET engine_token = $2 WHERE game_id = $1", game_id.uuid(), fresh.expose())
        .execute(conn)
        .await?;
    Ok(())
}

/// Gives an engine that was held back to turns and orders: this one, which answers.
pub async fn engine_replaced(
    conn: &mut PgConnection,
    game_id: GameId,
    engine_version: &str,
    image: &str,
    pinned: Option<&PinnedImage>,
) -> Result<(), Error> {
    sqlx::query!(
        "UPDATE runtime_records
            SET status = 'running', health = 'healthy', engine_version = $2, image = $3, image_digest = $4,
                image_id = $5, updated_at = clock_timestamp(),
                revivals = 0, revive_at = NULL, misses = 0, ill_since = NULL
          WHERE game_id = $1 AND status = 'starting'",
        game_id.uuid(),
        engine_version,
        image,
        pinned.and_then(|image| image.digest.as_deref()),
        pinned.map(|image| image.id.as_str())
    )
    .execute(conn)
    .await?;
    Ok(())
}
