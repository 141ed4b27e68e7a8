//! Timers that wait, looked at again: a clock that was ahead for a moment may have set them.

use chrono::{DateTime, Utc};
use sqlx::PgConnection;
use uuid::Uuid;

use crate::domain::schedule::Timer;
use crate::ids::GameId;
use crate::postgres::Error;

/// A timer that is to come due.
#[derive(Debug, Clone)]
pub struct WaitingTimer {
    /// Its game.
    pub game_id: GameId,
    /// The game's schedule.
    pub turn_schedule: String,
    /// The zone of its schedule.
    pub time_zone: String,
    /// When the turn is due by the schedule.
    pub scheduled_at: DateTime<Utc>,
    /// A due time before that, whose place a forced turn took.
    pub skipped_at: Option<DateTime<Utc>>,
    /// When it is looked at.
    pub next_attempt_at: DateTime<Utc>,
    /// Whether an attempt failed, and the next is waited for.
    pub retrying: bool,
    /// Whether it is to run before its time.
    pub forced: bool,
    /// Database time of the reading.
    pub now: DateTime<Utc>,
}

/// Timers of this daemon that come due later than in `beyond` seconds, the furthest first, from below `before`: due time and
/// game of the last one seen.
pub async fn waiting_timers(
    conn: &mut PgConnection,
    daemon_id: &str,
    beyond: f64,
    before: Option<(DateTime<Utc>, GameId)>,
    limit: i64,
) -> Result<Vec<WaitingTimer>, Error> {
    // Two walks down the indexes of what is due, from their far ends: those that are not suspect, and those that are.
    Ok(sqlx::query_as!(
        WaitingTimer,
        r#"SELECT t.game_id AS "game_id: GameId", g.turn_schedule, g.time_zone, t.scheduled_at, t.skipped_at, t.next_attempt_at,
                  t.status = 'retrying' AS "retrying!", r.skip_next_tick AS forced, clock_timestamp() AS "now!"
             FROM runtime_turns t JOIN games g USING (game_id) JOIN runtime_records r USING (game_id)
            WHERE t.game_id = ANY (ARRAY(
                SELECT game_id FROM (
                    (SELECT q.game_id, q.next_attempt_at FROM runtime_turns q
                      WHERE q.status IN ('pending', 'retrying') AND NOT q.suspect AND q.priority = 0 AND q.daemon_id = $1
                        AND q.next_attempt_at > statement_timestamp() + make_interval(secs => $2)
                        AND (q.priority, q.next_attempt_at, q.game_id)
                            < (0::smallint, coalesce($3, 'infinity'::timestamptz), $4::uuid)
                      ORDER BY q.priority DESC, q.next_attempt_at DESC, q.game_id DESC LIMIT $5)
                    UNION ALL
                    (SELECT q.game_id, q.next_attempt_at FROM runtime_turns q
                      WHERE q.status IN ('pending', 'retrying') AND q.suspect AND q.daemon_id = $1
                        AND q.next_attempt_at > statement_timestamp() + make_interval(secs => $2)
                        AND (q.next_attempt_at, q.game_id) < (coalesce($3, 'infinity'::timestamptz), $4::uuid)
                      ORDER BY q.next_attempt_at DESC, q.game_id DESC LIMIT $5)) AS far
                 ORDER BY next_attempt_at DESC, game_id DESC LIMIT $5))
            ORDER BY t.next_attempt_at DESC, t.game_id DESC"#,
        daemon_id,
        beyond,
        before.map(|(at, _)| at),
        before.map_or(Uuid::max(), |(_, game_id)| game_id.uuid()),
        limit
    )
    .fetch_all(conn)
    .await?)
}

/// Sets a waiting timer anew, if it is still as it was `seen`; answers whether it was.
pub async fn mend_timer(
    conn: &mut PgConnection,
    seen: &WaitingTimer,
    timer: Timer,
    next_attempt_at: DateTime<Utc>,
) -> Result<bool, Error> {
    let done = sqlx::query!(
        "UPDATE runtime_turns SET scheduled_at = $3, skipped_at = $4, next_attempt_at = $5
          WHERE game_id = $1 AND next_attempt_at = $2 AND status IN ('pending', 'retrying')",
        seen.game_id.uuid(),
        seen.next_attempt_at,
        timer.due,
        timer.skipped,
        next_attempt_at
    )
    .execute(conn)
    .await?;
    Ok(done.rows_affected() == 1)
}
