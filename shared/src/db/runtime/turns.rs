//! `runtime_turns`: each game's turn timer, a queue row that comes due again and again.

use std::time::Duration;

use chrono::{DateTime, Utc};
use sqlx::PgConnection;
use uuid::Uuid;

use crate::domain::game::GameStatus;
use crate::domain::runtime::RuntimeStatus;
use crate::domain::schedule::{Rested, Schedule, ScheduleError, Timer};
use crate::ids::GameId;
use crate::postgres::Error;

/// When a game's next turn is due; `None` while its timer rests. A turn that is being generated, or tried again, is still
/// the one that was due.
pub async fn next_turn_at(conn: &mut PgConnection, game_id: GameId) -> Result<Option<DateTime<Utc>>, Error> {
    Ok(sqlx::query_scalar!(
        "SELECT scheduled_at FROM runtime_turns WHERE game_id = $1 AND status IN ('pending', 'generating', 'retrying')",
        game_id.uuid()
    )
    .fetch_optional(conn)
    .await?)
}

/// Sets the timer of a game that starts or starts again: due at `at`, with a clean slate. A timer that runs is left alone;
/// answers whether it was set. It carries no trace: a game's turns go on for months after the request that started it.
/// Where the time that was left is to be kept, [`resume_turns`] knows what `at` is.
pub async fn start_turns(
    conn: &mut PgConnection,
    game_id: GameId,
    daemon_id: &str,
    at: DateTime<Utc>,
) -> Result<bool, Error> {
    set_timer(conn, game_id, daemon_id, Timer::at(at)).await
}

/// Sets the timer of a game that goes on, or starts, at `now`: by what was left when it came to rest, and by the schedule. A
/// timer that runs is left alone; answers whether it was set. The caller holds the game's row lock.
///
/// # Errors
/// Those of the database; inside, [`ScheduleError`] where no next turn comes: then nothing is changed.
pub async fn resume_turns(
    conn: &mut PgConnection,
    game_id: GameId,
    daemon_id: &str,
    schedule: &Schedule,
    offset: Duration,
    now: DateTime<Utc>,
) -> Result<Result<bool, ScheduleError>, Error> {
    let row = sqlx::query!(
        r#"SELECT scheduled_at, skipped_at, rested_at, status IN ('pending', 'generating', 'retrying') AS "runs!",
                  status IN ('failed', 'quarantined') AS "owed!"
             FROM runtime_turns WHERE game_id = $1"#,
        game_id.uuid()
    )
    .fetch_optional(&mut *conn)
    .await?;
    let timer = match row {
        Some(row) if row.runs => return Ok(Ok(false)),
        Some(row) => {
            let timer = Timer { due: row.scheduled_at, skipped: row.skipped_at };
            match row.rested_at {
                Some(since) => schedule.resumed(Rested { timer, since, owed: row.owed }, now, offset),
                None => schedule.first(now, offset).map(Timer::at),
            }
        }
        None => schedule.first(now, offset).map(Timer::at),
    };
    match timer {
        Ok(timer) => set_timer(conn, game_id, daemon_id, timer).await.map(Ok),
        Err(error) => Ok(Err(error)),
    }
}

async fn set_timer(conn: &mut PgConnection, game_id: GameId, daemon_id: &str, timer: Timer) -> Result<bool, Error> {
    // Not ON CONFLICT, which waits for a tick that is just ending, whatever the row says; that one waits for the game's row
    // lock, which the caller holds. A row that is put to rest meanwhile is set again by who does it (`Outcomes::on_rest`). Two
    // callers cannot race here: both hold that lock.
    let set = sqlx::query!(
        "UPDATE runtime_turns
            SET daemon_id = $2, status = 'pending', scheduled_at = $3, skipped_at = $4, next_attempt_at = $3, rested_at = NULL,
                expected_turn = NULL, failures = 0, crashes = 0, suspect = false, last_error = NULL, finished_at = NULL
          WHERE game_id = $1 AND status NOT IN ('pending', 'generating', 'retrying')",
        game_id.uuid(),
        daemon_id,
        timer.due,
        timer.skipped
    )
    .execute(&mut *conn)
    .await?;
    if set.rows_affected() == 1 {
        // A turn that was forced before the rest was not run, and takes no other's place.
        sqlx::query!(
            "UPDATE runtime_records SET skip_next_tick = false WHERE game_id = $1 AND skip_next_tick",
            game_id.uuid()
        )
        .execute(conn)
        .await?;
        return Ok(true);
    }
    let done = sqlx::query!(
        "INSERT INTO runtime_turns (game_id, daemon_id, status, scheduled_at, next_attempt_at)
         SELECT $1, $2, 'pending', $3, $3 WHERE NOT EXISTS (SELECT FROM runtime_turns WHERE game_id = $1)",
        game_id.uuid(),
        daemon_id,
        timer.due
    )
    .execute(conn)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Rests a timer that waits (the game was stopped or paused by hand), and notes when. One whose generation is under way rests
/// by itself, when it sees the game. Between two tries of a turn the runtime is still shown as generating: it is not any more, or
/// nobody would look after its engine.
pub async fn park_turn(conn: &mut PgConnection, game_id: GameId) -> Result<(), Error> {
    let parked = sqlx::query!(
        "UPDATE runtime_turns SET status = 'idle', rested_at = clock_timestamp() WHERE game_id = $1 AND status IN ('pending', 'retrying')",
        game_id.uuid()
    )
    .execute(&mut *conn)
    .await?;
    if parked.rows_affected() == 1 {
        generation_broken_off(conn, game_id).await?;
    }
    Ok(())
}

/// What became of [`force_turn`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Forced {
    /// The turn is due now.
    Due,
    /// A generation is under way: ask again when it is over.
    Busy,
    /// The timer rests: the game does not run.
    Resting,
}

/// Makes the waiting timer due now, also where it waits for another try of its turn, and notes that the scheduled turn is to be
/// skipped.
pub async fn force_turn(conn: &mut PgConnection, game_id: GameId) -> Result<Forced, Error> {
    let done = sqlx::query!(
        // A turn that is due already is not put off, whatever the clock says.
        "WITH t AS (UPDATE runtime_turns SET next_attempt_at = least(next_attempt_at, clock_timestamp())
             WHERE game_id = $1 AND status IN ('pending', 'retrying') RETURNING game_id)
         UPDATE runtime_records r SET skip_next_tick = true, updated_at = clock_timestamp() FROM t WHERE r.game_id = t.game_id",
        game_id.uuid()
    )
    .execute(&mut *conn)
    .await?;
    if done.rows_affected() == 1 {
        return Ok(Forced::Due);
    }
    let busy = sqlx::query_scalar!(
        r#"SELECT status IN ('pending', 'generating', 'retrying') AS "busy!" FROM runtime_turns WHERE game_id = $1"#,
        game_id.uuid()
    )
    .fetch_optional(conn)
    .await?;
    Ok(if busy == Some(true) { Forced::Busy } else { Forced::Resting })
}

/// Notes the schedule's next turn after a generation, or that the timer rests from now on: its row itself is finished by the
/// queue.
pub async fn turn_settled(conn: &mut PgConnection, game_id: GameId, next: Option<Timer>) -> Result<(), Error> {
    sqlx::query!(
        "UPDATE runtime_turns
            SET expected_turn = NULL, scheduled_at = coalesce($2, scheduled_at),
                skipped_at = CASE WHEN $2::timestamptz IS NULL THEN skipped_at ELSE $3 END,
                rested_at = CASE WHEN $2::timestamptz IS NULL THEN clock_timestamp() END
          WHERE game_id = $1",
        game_id.uuid(),
        next.map(|next| next.due),
        next.and_then(|next| next.skipped)
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Shows a runtime as waiting again whose generation was broken off by a pause.
pub async fn generation_broken_off(conn: &mut PgConnection, game_id: GameId) -> Result<(), Error> {
    sqlx::query!(
        "UPDATE runtime_records SET status = 'running', updated_at = clock_timestamp()
         WHERE game_id = $1 AND status = 'generation_in_progress'",
        game_id.uuid()
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// What a worker must know of a turn that it claimed.
#[derive(Debug, Clone)]
pub struct TurnWork {
    /// The game.
    pub game_id: GameId,
    /// Where the game stands.
    pub game_status: GameStatus,
    /// Its schedule.
    pub turn_schedule: String,
    /// The zone of its schedule.
    pub time_zone: String,
    /// When this turn was due by the schedule.
    pub scheduled_at: DateTime<Utc>,
    /// A due time before that, whose place a forced turn took.
    pub skipped_at: Option<DateTime<Utc>>,
    /// Database time of the reading.
    pub now: DateTime<Utc>,
    /// The turn being closed, where an earlier attempt had begun.
    pub expected_turn: Option<i32>,
    /// Whether this turn was forced before its time.
    pub forced: bool,
}

/// The claimed timers' contents, in no order.
pub async fn turn_work(conn: &mut PgConnection, ids: &[Uuid]) -> Result<Vec<TurnWork>, Error> {
    Ok(sqlx::query_as!(
        TurnWork,
        r#"SELECT t.game_id AS "game_id: GameId", g.status AS game_status, g.turn_schedule, g.time_zone, t.scheduled_at, t.skipped_at,
                  clock_timestamp() AS "now!", t.expected_turn, r.skip_next_tick AS forced
             FROM runtime_turns t JOIN games g USING (game_id) JOIN runtime_records r USING (game_id)
            WHERE t.game_id = ANY ($1)"#,
        ids
    )
    .fetch_all(conn)
    .await?)
}

/// What became of [`begin_generation`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Begun {
    /// This turn is being closed.
    Turn(i32),
    /// The game does not run any more.
    Resting,
    /// The game runs, but its runtime is in this status, from which no turn is generated.
    Held(RuntimeStatus),
}

/// Begins a generation: writes the turn being closed (the first attempt's value stays) and shows the runtime as
/// generating. The caller holds the game's row lock, and has proven that the timer is still its own.
pub async fn begin_generation(conn: &mut PgConnection, game_id: GameId) -> Result<Begun, Error> {
    let found = sqlx::query!(
        r#"SELECT g.status AS game, r.status AS runtime, r.status = ANY ($2) AS "may!"
             FROM games g JOIN runtime_records r USING (game_id) WHERE g.game_id = $1 FOR NO KEY UPDATE OF g"#,
        game_id.uuid(),
        &RuntimeStatus::sources_of(RuntimeStatus::GenerationInProgress)
    )
    .fetch_optional(&mut *conn)
    .await?;
    let Some(found) = found.filter(|found| found.game == GameStatus::Running) else { return Ok(Begun::Resting) };
    if !found.may {
        return Ok(Begun::Held(found.runtime));
    }
    let expected = sqlx::query_scalar!(
        r#"UPDATE runtime_turns t SET expected_turn = coalesce(t.expected_turn, r.current_turn)
             FROM runtime_records r WHERE r.game_id = t.game_id AND t.game_id = $1 RETURNING t.expected_turn AS "expected_turn!""#,
        game_id.uuid()
    )
    .fetch_optional(&mut *conn)
    .await?;
    sqlx::query!(
        "UPDATE runtime_records SET status = 'generation_in_progress', updated_at = clock_timestamp() WHERE game_id = $1",
        game_id.uuid()
    )
    .execute(conn)
    .await?;
    Ok(expected.map_or(Begun::Resting, Begun::Turn))
}
