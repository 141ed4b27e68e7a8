//! `games` (SPEC §7): making, describing, seeing, locking them. Lists stand in `browse`, what the runtime changes in `runtime`.

use chrono::{DateTime, Utc};
use sqlx::PgConnection;

use super::InTransaction;
use super::idempotency::{Idempotency, Replayed, replayed};
use crate::domain::game::{GameStatus, PauseReason, Visibility};
use crate::domain::runtime::RuntimeStatus;
use crate::ids::{GameId, UserId};
use crate::postgres::{Error, ensure_affected_rows};

/// A game with what every reader wants beside it.
#[derive(Debug, Clone)]
pub struct Game {
    /// The game's id.
    pub game_id: GameId,
    /// The game's name, as people see it.
    pub name: String,
    /// What the game is about, as people see it.
    pub description: String,
    /// Whether it is for everybody or for guests.
    pub visibility: Visibility,
    /// Where it stands.
    pub status: GameStatus,
    /// Who runs it, where that is a user.
    pub owner_user_id: Option<UserId>,
    /// The owner's display name; `None` where there is no owner, or they have none, or are deleted.
    pub owner_display_name: Option<String>,
    /// Fewest members to start with.
    pub min_players: i32,
    /// Most members.
    pub max_players: i32,
    /// Active members.
    pub approved_count: i32,
    /// When enrolment closes.
    pub enrollment_ends_at: DateTime<Utc>,
    /// Cron or `@every`.
    pub turn_schedule: String,
    /// IANA zone of the schedule.
    pub time_zone: String,
    /// The version to start.
    pub target_engine_version: String,
    /// What the engine is told when the game begins: an object.
    pub settings: serde_json::Value,
    /// The open turn.
    pub current_turn: i32,
    /// Why it is paused.
    pub pause_reason: Option<PauseReason>,
    /// Race names of the winners, once it is finished.
    pub winners: Vec<String>,
    /// Why it was ended before its time.
    pub end_reason: Option<String>,
    /// State of its runtime, if it has one.
    pub runtime_status: Option<RuntimeStatus>,
    /// When the next turn is due; `None` while the timer rests.
    pub next_turn_at: Option<DateTime<Utc>>,
    /// Creation.
    pub created_at: DateTime<Utc>,
    /// First start.
    pub started_at: Option<DateTime<Utc>>,
    /// End.
    pub finished_at: Option<DateTime<Utc>>,
}

/// The one list of columns of a [`Game`]; the rest of the statement follows as literals.
macro_rules! games {
    ($($tail:literal)+ $(, $argument:expr)*) => {
        sqlx::query_as!(
            Game,
            r#"SELECT g.game_id AS "game_id: GameId", g.name, g.description, g.visibility, g.status,
                      g.owner_user_id AS "owner_user_id: UserId",
                      (SELECT a.display_name FROM accounts a WHERE a.user_id = g.owner_user_id) AS owner_display_name,
                          g.min_players, g.max_players, g.approved_count, g.enrollment_ends_at,
                      g.turn_schedule, g.time_zone, g.target_engine_version, g.settings, g.current_turn,
                          g.pause_reason, g.winners, g.end_reason,
                      r.status AS "runtime_status?",
                      CASE WHEN t.status IN ('pending', 'generating', 'retrying') THEN t.scheduled_at END AS next_turn_at,
                      g.created_at, g.started_at, g.finished_at
                 FROM games g LEFT JOIN runtime_records r USING (game_id) LEFT JOIN runtime_turns t USING (game_id) "# $(+ $tail)+
            $(, $argument)*
        )
    };
}

// Below the macro, which it uses.
mod browse;
mod many;
mod runtime;

pub use browse::{GameFilter, list, list_own, list_visible, list_visible_by_status};
pub use many::{PausedFilter, RunningFilter, pausable, resumable};
pub use runtime::{
    Pause, StartFacts, engine_races, finished, goes_on, owner, patched, paused, set_pause_reason, start_facts,
    start_failed, started, status, turn_generated,
};

/// One game, whoever asks.
pub async fn get(conn: &mut PgConnection, game_id: GameId) -> Result<Option<Game>, Error> {
    Ok(games!("WHERE g.game_id = $1", game_id as GameId).fetch_optional(conn).await?)
}

/// One game, if `user` may see it: public and not a draft, or owned, or joined, or with an open invite that has not expired.
pub async fn get_visible(conn: &mut PgConnection, game_id: GameId, user_id: UserId) -> Result<Option<Game>, Error> {
    Ok(games!(
        "WHERE g.game_id = $1
            AND ((g.visibility = 'public' AND g.status <> 'draft') OR g.owner_user_id = $2
                 OR EXISTS (SELECT FROM memberships m WHERE m.game_id = g.game_id AND m.user_id = $2 AND m.status = 'active')
                 OR EXISTS (SELECT FROM invites i WHERE i.game_id = g.game_id AND i.invited_user_id = $2 AND i.status = 'open'
                                AND i.expires_at > clock_timestamp()))",
        game_id as GameId,
        user_id as UserId
    )
    .fetch_optional(conn)
    .await?)
}

/// A game under its row lock.
#[derive(Debug, Clone)]
pub struct LockedGame {
    /// The game's id.
    pub game_id: GameId,
    /// Whether it is for everybody or for guests.
    pub visibility: Visibility,
    /// Where it stands.
    pub status: GameStatus,
    /// Who runs it, where that is a user.
    pub owner_user_id: Option<UserId>,
    /// Fewest members to start with.
    pub min_players: i32,
    /// Most members.
    pub max_players: i32,
    /// Active members.
    pub approved_count: i32,
    /// Whether `enrollment_ends_at` is still to come.
    pub before_enrollment_end: bool,
    /// Cron or `@every`.
    pub turn_schedule: String,
    /// IANA zone of the schedule.
    pub time_zone: String,
    /// The version to start.
    pub target_engine_version: String,
    /// The open turn.
    pub current_turn: i32,
    /// Why it is paused.
    pub pause_reason: Option<PauseReason>,
    /// Pauses of this turn so far.
    pub pauses: i32,
    /// How often its turn was set right by hand.
    pub accepted_turns: i32,
    /// Whether it ever ran.
    pub started: bool,
    /// Database time of the reading.
    pub now: DateTime<Utc>,
}

/// Locks a game until the transaction ends: what follows in it is not raced. Not `FOR UPDATE`, which would also wait for
/// rows that merely refer to the game.
pub async fn lock(conn: &mut PgConnection, game_id: GameId) -> Result<Option<LockedGame>, Error> {
    Ok(sqlx::query_as!(
        LockedGame,
        r#"SELECT game_id AS "game_id: GameId", visibility, status, owner_user_id AS "owner_user_id: UserId", min_players, max_players,
                  approved_count, enrollment_ends_at > clock_timestamp() AS "before_enrollment_end!", turn_schedule, time_zone,
                  target_engine_version, current_turn, pause_reason, pauses, accepted_turns, started_at IS NOT NULL AS "started!",
                      clock_timestamp() AS "now!"
             FROM games WHERE game_id = $1 FOR NO KEY UPDATE"#,
        game_id as GameId
    )
    .fetch_optional(conn)
    .await?)
}

/// Locks games whose enrolment ended with enough players, at most `limit`. Those that another sweeper has are left to it.
pub async fn lock_full_enrolments(tx: &mut impl InTransaction, limit: i64) -> Result<Vec<GameId>, Error> {
    Ok(sqlx::query_scalar!(
        r#"SELECT game_id AS "game_id: GameId" FROM games
            WHERE status = 'enrollment_open' AND enrollment_ends_at <= statement_timestamp() AND approved_count >= min_players
            ORDER BY enrollment_ends_at LIMIT $1 FOR NO KEY UPDATE SKIP LOCKED"#,
        limit
    )
    .fetch_all(&mut **tx)
    .await?)
}

/// A game to be made, in `draft`. Everything in it has been checked.
#[derive(Debug)]
pub struct NewGame<'a> {
    /// The game's id.
    pub game_id: GameId,
    /// Whether it is for everybody or for guests.
    pub visibility: Visibility,
    /// Who runs it; private games have one.
    pub owner_user_id: Option<UserId>,
    /// The game's name, as people see it.
    pub name: &'a str,
    /// What the game is about, as people see it.
    pub description: &'a str,
    /// Fewest members to start with.
    pub min_players: i32,
    /// Most members.
    pub max_players: i32,
    /// When enrolment closes.
    pub enrollment_ends_at: DateTime<Utc>,
    /// Cron or `@every`.
    pub turn_schedule: &'a str,
    /// IANA zone.
    pub time_zone: &'a str,
    /// A registered version: the constraint `games_target_engine_version_fkey` otherwise.
    pub target_engine_version: &'a str,
    /// What the engine is told, by [`crate::domain::game_settings`].
    pub settings: &'a str,
}

/// Makes a game; false when the idempotency key made one before.
pub async fn insert(
    conn: &mut PgConnection,
    new: &NewGame<'_>,
    idempotency: Option<&Idempotency>,
) -> Result<bool, Error> {
    let (owner, key, hash) = Idempotency::columns(idempotency);
    let done = sqlx::query!(
        "INSERT INTO games (game_id, visibility, owner_user_id, name, description, min_players, max_players,
             enrollment_ends_at, turn_schedule,
                            time_zone, target_engine_version, settings, idempotency_owner, idempotency_key, idempotency_hash)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12::text::json, $13, $14, $15)
         ON CONFLICT ON CONSTRAINT games_idempotency_key DO NOTHING",
        new.game_id as GameId,
        new.visibility.as_str(),
        new.owner_user_id as Option<UserId>,
        new.name,
        new.description,
        new.min_players,
        new.max_players,
        new.enrollment_ends_at,
        new.turn_schedule,
        new.time_zone,
        new.target_engine_version,
        new.settings,
        owner,
        key,
        hash
    )
    .execute(conn)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// The game that was made under this key.
pub async fn replayed(conn: &mut PgConnection, idempotency: &Idempotency) -> Result<Option<Replayed<GameId>>, Error> {
    Ok(replayed!(conn, idempotency, r#"game_id AS "id: GameId""#, "games")?)
}

/// A change of a game: `None` leaves a field as it is.
#[derive(Debug, Default)]
pub struct GameChange<'a> {
    /// The game's name, as people see it.
    pub name: Option<&'a str>,
    /// What the game is about, as people see it.
    pub description: Option<&'a str>,
    /// Fewest members to start with.
    pub min_players: Option<i32>,
    /// Most members.
    pub max_players: Option<i32>,
    /// When enrolment closes.
    pub enrollment_ends_at: Option<DateTime<Utc>>,
    /// Cron or `@every`.
    pub turn_schedule: Option<&'a str>,
    /// IANA zone.
    pub time_zone: Option<&'a str>,
    /// A registered version.
    pub target_engine_version: Option<&'a str>,
    /// What the engine is told, by [`crate::domain::game_settings`].
    pub settings: Option<&'a str>,
}

/// Changes a game; the caller holds its lock. Constraints: `games_approved_count_check` when more are in already than
/// `max_players`, `games_target_engine_version_fkey`.
pub async fn change(conn: &mut PgConnection, game_id: GameId, change: &GameChange<'_>) -> Result<(), Error> {
    let done = sqlx::query!(
        "UPDATE games SET name = coalesce($2, name), description = coalesce($3, description), min_players = coalesce($4, min_players),
                max_players = coalesce($5, max_players), enrollment_ends_at = coalesce($6, enrollment_ends_at),
                turn_schedule = coalesce($7, turn_schedule), time_zone = coalesce($8, time_zone),
                target_engine_version = coalesce($9, target_engine_version),
                settings = coalesce($10::text::json, settings), updated_at = clock_timestamp()
          WHERE game_id = $1",
        game_id as GameId,
        change.name,
        change.description,
        change.min_players,
        change.max_players,
        change.enrollment_ends_at,
        change.turn_schedule,
        change.time_zone,
        change.target_engine_version,
        change.settings
    )
    .execute(conn)
    .await?;
    ensure_affected_rows("games", &done, 1)
}

/// Moves a locked game to another status, by a person's action.
///
/// # Errors
/// What Postgres answers; also when the game is not in `from`, which the lock makes impossible.
pub async fn set_status(
    conn: &mut PgConnection,
    game_id: GameId,
    from: GameStatus,
    to: GameStatus,
) -> Result<(), Error> {
    let done = sqlx::query!(
        "UPDATE games SET status = $3, pause_reason = NULL, updated_at = clock_timestamp() WHERE game_id = $1 AND status = $2",
        game_id as GameId,
        from.as_str(),
        to.as_str()
    )
    .execute(conn)
    .await?;
    ensure_affected_rows("games", &done, 1)
}

/// Counts a member in. The constraint `games_approved_count_check` refuses one too many, whatever was read before.
pub async fn count_member_in(conn: &mut PgConnection, game_id: GameId) -> Result<(), Error> {
    let done = sqlx::query!(
        "UPDATE games SET approved_count = approved_count + 1, updated_at = clock_timestamp() WHERE game_id = $1",
        game_id as GameId
    )
    .execute(conn)
    .await?;
    ensure_affected_rows("games", &done, 1)
}

/// The database's time.
pub async fn now(conn: &mut PgConnection) -> Result<DateTime<Utc>, Error> {
    Ok(sqlx::query_scalar!(r#"SELECT clock_timestamp() AS "now!""#).fetch_one(conn).await?)
}
