//! Which games something is done to, of all that match (SPEC §4 "Bulk").

use sqlx::PgConnection;

use crate::db::lists::{Chosen, Piece, chosen};
use crate::domain::game::{PauseReason, Visibility};
use crate::ids::{GameId, UserId};
use crate::postgres::Error;

/// Which paused games; what is absent leaves the choice open.
#[derive(Debug, Clone, Default)]
pub struct PausedFilter<'a> {
    /// Paused for this reason; absent: for any but by hand.
    pub pause_reason: Option<PauseReason>,
    /// For everybody, or for guests.
    pub visibility: Option<Visibility>,
    /// Run by this user.
    pub owner_user_id: Option<UserId>,
    /// On this engine version.
    pub engine_version: Option<&'a str>,
}

/// The paused games that can be resumed. One whose container is stopped or being replaced cannot be; one that died meanwhile is
/// brought back.
pub async fn resumable(
    conn: &mut PgConnection,
    filter: &PausedFilter<'_>,
    piece: &Piece,
) -> Result<Chosen<GameId>, Error> {
    Ok(chosen!(
        conn,
        piece,
        "game_id",
        "GameId",
        "SELECT g.game_id FROM games g JOIN runtime_records r USING (game_id)
          WHERE g.status = 'paused' AND g.pause_reason IS DISTINCT FROM 'stopped'
            AND r.status NOT IN ('starting', 'stopped', 'removed', 'finished')
            AND CASE WHEN $5::text IS NULL THEN g.pause_reason IS DISTINCT FROM 'manual' ELSE g.pause_reason = $5 END
            AND ($6::text IS NULL OR g.visibility = $6) AND ($7::uuid IS NULL OR g.owner_user_id = $7)
            AND ($8::text IS NULL OR g.target_engine_version = $8)
            AND g.state_since <= $1 AND g.game_id > $2",
        filter.pause_reason.map(PauseReason::as_str),
        filter.visibility.map(Visibility::as_str),
        filter.owner_user_id.map(UserId::uuid),
        filter.engine_version
    ))
}

/// Which running games; what is absent leaves the choice open.
#[derive(Debug, Clone, Default)]
pub struct RunningFilter<'a> {
    /// For everybody, or for guests.
    pub visibility: Option<Visibility>,
    /// Run by this user.
    pub owner_user_id: Option<UserId>,
    /// On this engine version.
    pub engine_version: Option<&'a str>,
}

/// The running games, which can be paused.
pub async fn pausable(
    conn: &mut PgConnection,
    filter: &RunningFilter<'_>,
    piece: &Piece,
) -> Result<Chosen<GameId>, Error> {
    Ok(chosen!(
        conn,
        piece,
        "game_id",
        "GameId",
        "SELECT g.game_id FROM games g
          WHERE g.status = 'running'
            AND ($5::text IS NULL OR g.visibility = $5) AND ($6::uuid IS NULL OR g.owner_user_id = $6)
            AND ($7::text IS NULL OR g.target_engine_version = $7)
            AND g.state_since <= $1 AND g.game_id > $2",
        filter.visibility.map(Visibility::as_str),
        filter.owner_user_id.map(UserId::uuid),
        filter.engine_version
    ))
}
