//! What the reconciler reads of the records, and what it writes down of what it saw (SPEC §8).

use std::time::Duration;

use chrono::{DateTime, Utc};
use sqlx::PgConnection;
use uuid::Uuid;

use crate::domain::runtime::Health;
use crate::ids::GameId;
use crate::postgres::Error;

/// A game's recorded side.
#[derive(Debug, Clone)]
pub struct RecordedSide {
    /// The game.
    pub game_id: GameId,
    /// Where the game stands: the text of a [`GameStatus`](crate::domain::game::GameStatus). Text here, so that one row with a word of
    /// a later build does not hide the others.
    pub game_status: String,
    /// Why it is paused: the text of a [`PauseReason`](crate::domain::game::PauseReason).
    pub pause_reason: Option<String>,
    /// The game's last change: when it was paused, most of all.
    pub game_updated_at: DateTime<Utc>,
    /// Whose record it is; null where there is none.
    pub daemon_id: Option<String>,
    /// Where its record stands: the text of a [`RuntimeStatus`](crate::domain::runtime::RuntimeStatus); null where there is none.
    pub status: Option<String>,
    /// The recorded container.
    pub container_id: Option<String>,
    /// The recorded address.
    pub endpoint: Option<String>,
    /// What was last seen: the text of a [`Health`].
    pub health: Option<String>,
    /// How often it was brought back since it was well.
    pub revivals: Option<i32>,
    /// Not brought back before this.
    pub revive_at: Option<DateTime<Utc>>,
    /// When it was probed last.
    pub probed_at: Option<DateTime<Utc>>,
    /// Since when probes miss; where `misses` is 0, since when it cannot be made.
    pub ill_since: Option<DateTime<Utc>>,
    /// Probes missed in a row.
    pub misses: Option<i32>,
    /// Whether a job of the game is active.
    pub busy: bool,
}

/// The database's time.
pub async fn now(conn: &mut PgConnection) -> Result<DateTime<Utc>, Error> {
    Ok(sqlx::query_scalar!(r#"SELECT clock_timestamp() AS "now!""#).fetch_one(conn).await?)
}

/// The recorded side of this daemon's games that have, or should have, an engine, and of `listed`, whose containers are there.
/// One statement however many they are. A listed game that there is not is not among them.
pub async fn recorded_side(
    conn: &mut PgConnection,
    daemon_id: &str,
    listed: &[Uuid],
) -> Result<Vec<RecordedSide>, Error> {
    Ok(sqlx::query_as!(
        RecordedSide,
        r#"WITH wanted AS (
               SELECT game_id FROM runtime_records
                WHERE daemon_id = $1 AND (container_id IS NOT NULL OR endpoint IS NOT NULL
                                          OR status IN ('running', 'generation_in_progress', 'engine_unreachable'))
               UNION SELECT r.game_id FROM games g JOIN runtime_records r USING (game_id) WHERE r.daemon_id = $1 AND g.status = 'running'
               UNION SELECT unnest($2::uuid[]))
           SELECT g.game_id AS "game_id: GameId", g.status AS "game_status: String", g.pause_reason AS "pause_reason: String",
                  g.updated_at AS game_updated_at,
                  r.daemon_id AS "daemon_id?", r.status AS "status?: String", r.container_id, r.endpoint, r.health AS "health?: String",
                  r.revivals AS "revivals?",
                  r.revive_at, r.probed_at, r.ill_since, r.misses AS "misses?",
                  EXISTS (SELECT FROM runtime_jobs j WHERE j.game_id = g.game_id
                      AND j.status IN ('pending', 'running', 'retrying')) AS "busy!"
             FROM wanted JOIN games g USING (game_id) LEFT JOIN runtime_records r USING (game_id)
            ORDER BY g.game_id"#,
        daemon_id,
        listed
    )
    .fetch_all(conn)
    .await?)
}

/// Forgets an address whose container was seen gone or dead; answers whether it was still the recorded one. From here on nobody
/// calls it: it may be another engine's soon.
pub async fn forget_address(conn: &mut PgConnection, game_id: GameId, endpoint: &str) -> Result<bool, Error> {
    let done = sqlx::query!(
        "UPDATE runtime_records SET endpoint = NULL, health = 'unhealthy', well_since = NULL, updated_at = clock_timestamp()
          WHERE game_id = $1 AND endpoint = $2",
        game_id.uuid(),
        endpoint
    )
    .execute(conn)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Notes that the recorded container is no more: nothing of that id is left at the daemon.
pub async fn forget_container(conn: &mut PgConnection, game_id: GameId, container_id: &str) -> Result<(), Error> {
    sqlx::query!(
        "UPDATE runtime_records SET container_id = NULL, endpoint = NULL, health = 'unknown', well_since = NULL,
         updated_at = clock_timestamp()
          WHERE game_id = $1 AND container_id = $2",
        game_id.uuid(),
        container_id
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// The recorded addresses of a daemon, each with its game.
pub async fn addresses(conn: &mut PgConnection, daemon_id: &str) -> Result<Vec<(GameId, String)>, Error> {
    let rows = sqlx::query!(
        r#"SELECT game_id AS "game_id: GameId", endpoint AS "endpoint!" FROM runtime_records WHERE daemon_id = $1
           AND endpoint IS NOT NULL"#,
        daemon_id
    )
    .fetch_all(conn)
    .await?;
    Ok(rows.into_iter().map(|row| (row.game_id, row.endpoint)).collect())
}

/// How far an engine may be brought back again and again (SPEC §8: a crash loop pauses its game).
#[derive(Debug, Clone, Copy)]
pub struct RevivalBudget {
    /// So often, until it was well for [`RevivalBudget::calm`].
    pub times: i32,
    /// The pause after the second; it doubles. After the first there is none.
    pub base: Duration,
    /// Who brings it back and does not say that they are still at it has so long before somebody else may.
    pub claim: Duration,
    /// An engine that was well for so long has its whole budget again.
    pub calm: Duration,
}

impl RevivalBudget {
    /// The longest that an engine waits for its next revival, and some seconds for a clock that is set back a little. A time
    /// beyond was set while the database's clock was ahead, and is due (SPEC §8).
    #[must_use]
    pub fn longest(&self) -> Duration {
        self.claim.max(self.longest_pause()) + Duration::from_secs(5)
    }

    fn longest_pause(&self) -> Duration {
        let doublings = u32::try_from(self.times.saturating_sub(2)).unwrap_or_default().min(16);
        self.base.saturating_mul(1 << doublings)
    }
}

/// What became of [`begin_revival`].
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Revival {
    /// It is brought back, for this time.
    Begun(i32),
    /// Not before so many seconds.
    Later(f64),
    /// The budget is spent.
    Spent(i32),
}

/// Takes one revival from the budget of a game's engine, if it is time for one. What is written here is written before the
/// engine is touched: a controller that dies over it has used it up.
pub async fn begin_revival(conn: &mut PgConnection, game_id: GameId, budget: &RevivalBudget) -> Result<Revival, Error> {
    let begun = sqlx::query_scalar!(
        "UPDATE runtime_records
            SET revivals = revivals + 1, well_since = NULL,
                revive_at = clock_timestamp() + make_interval(secs => $3)
          WHERE game_id = $1 AND revivals < $2
            AND (revive_at IS NULL OR revive_at <= clock_timestamp()
                 OR revive_at > clock_timestamp() + make_interval(secs => $4)) RETURNING revivals",
        game_id.uuid(),
        budget.times,
        budget.claim.as_secs_f64(),
        budget.longest().as_secs_f64()
    )
    .fetch_optional(&mut *conn)
    .await?;
    if let Some(n) = begun {
        return Ok(Revival::Begun(n));
    }
    let row = sqlx::query!(
        r#"SELECT revivals, CASE WHEN revive_at <= clock_timestamp() + make_interval(secs => $2)
                                THEN extract(epoch FROM revive_at - clock_timestamp())::float8 ELSE 0 END AS "wait!"
           FROM runtime_records WHERE game_id = $1"#,
        game_id.uuid(),
        budget.longest().as_secs_f64()
    )
    .fetch_optional(conn)
    .await?;
    Ok(match row {
        Some(row) if row.wait <= 0.0 && row.revivals >= budget.times => Revival::Spent(row.revivals),
        Some(row) => Revival::Later(row.wait.max(0.0)),
        None => Revival::Spent(0),
    })
}

/// Whoever brings it back for the `times`th time is still at it: nobody else begins meanwhile. Nothing is changed where somebody has.
pub async fn renew_revival(
    conn: &mut PgConnection,
    game_id: GameId,
    times: i32,
    budget: &RevivalBudget,
) -> Result<(), Error> {
    sqlx::query!(
        "UPDATE runtime_records SET revive_at = clock_timestamp() + make_interval(secs => $3) WHERE game_id = $1 AND revivals = $2",
        game_id.uuid(),
        times,
        budget.claim.as_secs_f64()
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// The engine was brought back, or could not be: the pause before the next time begins. What it is made from was there.
pub async fn end_revival(conn: &mut PgConnection, game_id: GameId, budget: &RevivalBudget) -> Result<(), Error> {
    sqlx::query!(
        "UPDATE runtime_records
            SET revive_at = clock_timestamp() + make_interval(secs => CASE WHEN revivals <= 1 THEN 0
                ELSE $2 * 2 ^ (revivals - 2) END),
                ill_since = CASE WHEN misses > 0 THEN ill_since END
          WHERE game_id = $1",
        game_id.uuid(),
        budget.base.as_secs_f64()
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// How often a game's engine was brought back since it was well.
pub async fn revivals(conn: &mut PgConnection, game_id: GameId) -> Result<i32, Error> {
    let found = sqlx::query_scalar!("SELECT revivals FROM runtime_records WHERE game_id = $1", game_id.uuid());
    Ok(found.fetch_optional(conn).await?.unwrap_or_default())
}

/// Gives a revival back to the budget that could not even be tried: the daemon was away.
pub async fn refund_revival(conn: &mut PgConnection, game_id: GameId) -> Result<(), Error> {
    sqlx::query!(
        "UPDATE runtime_records SET revivals = greatest(revivals - 1, 0), revive_at = NULL WHERE game_id = $1",
        game_id.uuid()
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Gives a revival back to the budget that could not even be tried since what an engine is made from is missing: a network, a
/// registry, room on a disk. It is tried again after as long as that has been missing, within the budget's pauses. Since when it has
/// is noted as of one that misses probes, none of which it has missed.
pub async fn postpone_revival(conn: &mut PgConnection, game_id: GameId, budget: &RevivalBudget) -> Result<(), Error> {
    sqlx::query!(
        "UPDATE runtime_records r
            SET revivals = greatest(r.revivals - 1, 0), misses = 0, ill_since = lacks.since,
                revive_at = clock_timestamp() + least(greatest(clock_timestamp() - lacks.since, make_interval(secs => $2)),
                                                      make_interval(secs => $3))
           FROM (SELECT game_id, CASE WHEN misses = 0 THEN least(ill_since, clock_timestamp()) ELSE clock_timestamp() END AS since
                   FROM runtime_records WHERE game_id = $1 FOR NO KEY UPDATE) lacks
          WHERE r.game_id = lacks.game_id",
        game_id.uuid(),
        budget.base.as_secs_f64(),
        budget.longest_pause().as_secs_f64()
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Gives a game's engine its whole budget again, and a clean slate: a start, a restart, a resume by a person.
pub async fn clean_slate(conn: &mut PgConnection, game_id: GameId) -> Result<(), Error> {
    sqlx::query!(
        "UPDATE runtime_records SET revivals = 0, revive_at = NULL, misses = 0, ill_since = NULL, well_since = NULL,
         probed_at = NULL WHERE game_id = $1",
        game_id.uuid()
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// What a probe changed.
#[derive(Debug, Clone)]
pub struct Probed {
    /// What was seen before.
    pub before: Health,
    /// What is shown now.
    pub health: Health,
}

/// Notes that the engine answered a probe as its own. `None` where the record has another address by now: then nothing was seen.
/// What it was well, or ill, since is never later than now, though a clock that was ahead may have said so.
pub async fn probe_answered(
    conn: &mut PgConnection,
    game_id: GameId,
    endpoint: &str,
    calm: Duration,
) -> Result<Option<Probed>, Error> {
    Ok(sqlx::query_as!(
        Probed,
        r#"UPDATE runtime_records r
              SET health = 'healthy', misses = 0, ill_since = NULL, probed_at = clock_timestamp(),
                  well_since = least(r.well_since, clock_timestamp()),
                  revivals = CASE WHEN r.well_since < clock_timestamp() - make_interval(secs => $3) THEN 0 ELSE r.revivals END,
                  updated_at = CASE WHEN r.health = 'healthy' THEN r.updated_at ELSE clock_timestamp() END
             FROM (SELECT game_id, health FROM runtime_records WHERE game_id = $1 FOR NO KEY UPDATE) former
            WHERE r.game_id = former.game_id AND r.endpoint = $2
        RETURNING former.health AS "before!", r.health"#,
        game_id.uuid(),
        endpoint,
        calm.as_secs_f64()
    )
    .fetch_optional(conn)
    .await?)
}

/// Notes that the engine missed a probe; from `misses` in a row on it is `unhealthy`. `None` as with [`probe_answered`].
pub async fn probe_missed(
    conn: &mut PgConnection,
    game_id: GameId,
    endpoint: &str,
    misses: i32,
) -> Result<Option<Probed>, Error> {
    Ok(sqlx::query_as!(
        Probed,
        r#"UPDATE runtime_records r
              SET misses = r.misses + 1, ill_since = least(r.ill_since, clock_timestamp()),
                  probed_at = clock_timestamp(), well_since = NULL,
                  health = CASE WHEN r.misses + 1 >= $3 THEN 'unhealthy' ELSE r.health END,
                  updated_at = CASE WHEN r.misses + 1 >= $3 AND r.health <> 'unhealthy' THEN clock_timestamp() ELSE r.updated_at END
             FROM (SELECT game_id, health FROM runtime_records WHERE game_id = $1 FOR NO KEY UPDATE) former
            WHERE r.game_id = former.game_id AND r.endpoint = $2
        RETURNING former.health AS "before!", r.health"#,
        game_id.uuid(),
        endpoint,
        misses
    )
    .fetch_optional(conn)
    .await?)
}

/// A daemon whose games nobody serves, to be told of.
#[derive(Debug, Clone)]
pub struct Unserved {
    /// The daemon.
    pub daemon_id: String,
    /// Since when it was seen so.
    pub since: DateTime<Utc>,
    /// How many of its games want an engine.
    pub games: i64,
    /// One of them.
    pub game_id: GameId,
}

/// Notes which records' daemons no live controller serves, forgets it of those that are served again, and answers the daemons
/// that are unserved for at least `grace`.
///
/// All records of a daemon have one moment, that at which the first of them was seen so: it stays while any of them is left, and
/// until the daemon is served again. It is never later than now: what a clock that was ahead has noted is noted anew, and taken away
/// by the next look where the daemon is served.
pub async fn note_unserved(conn: &mut PgConnection, grace: Duration) -> Result<Vec<Unserved>, Error> {
    sqlx::query!(
        "WITH known AS MATERIALIZED (
            SELECT daemon_id, min(unserved_since) AS since FROM runtime_records
             WHERE unserved_since <= statement_timestamp() GROUP BY daemon_id)
         UPDATE runtime_records r
            SET unserved_since = CASE WHEN coalesce(r.unserved_since > statement_timestamp(), true)
                    THEN coalesce((SELECT k.since FROM known k WHERE k.daemon_id = r.daemon_id), statement_timestamp()) END
          WHERE r.game_id IN (
            SELECT o.game_id FROM runtime_records o JOIN games g USING (game_id)
             WHERE (o.container_id IS NOT NULL OR o.endpoint IS NOT NULL
                    OR o.status IN ('running', 'generation_in_progress', 'engine_unreachable') OR o.unserved_since IS NOT NULL)
               AND (o.unserved_since > statement_timestamp()
                    OR (o.unserved_since IS NULL) = (o.daemon_id <> '' AND g.status IN ('starting', 'running', 'paused') AND NOT EXISTS (
                       SELECT FROM workers w WHERE w.daemon_id = o.daemon_id AND w.expires_at > clock_timestamp())))
             ORDER BY o.game_id FOR NO KEY UPDATE OF o SKIP LOCKED)"
    )
    .execute(&mut *conn)
    .await?;
    Ok(sqlx::query_as!(
        Unserved,
        r#"SELECT daemon_id, min(unserved_since) AS "since!", count(*) AS "games!", (min(game_id::text))::uuid AS "game_id!: GameId"
             FROM runtime_records WHERE unserved_since IS NOT NULL
            GROUP BY daemon_id HAVING min(unserved_since) <= clock_timestamp() - make_interval(secs => $1) ORDER BY daemon_id"#,
        grace.as_secs_f64()
    )
    .fetch_all(conn)
    .await?)
}

/// Whether a live controller serves this daemon now.
pub async fn is_served(conn: &mut PgConnection, daemon_id: &str) -> Result<bool, Error> {
    Ok(sqlx::query_scalar!(
        r#"SELECT EXISTS (SELECT FROM workers WHERE daemon_id = $1 AND expires_at > clock_timestamp()) AS "is!""#,
        daemon_id
    )
    .fetch_one(conn)
    .await?)
}
