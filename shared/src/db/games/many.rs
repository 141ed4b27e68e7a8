//! Which games something is done to, of all that match (SPEC §4 "Bulk").

use sqlx::PgConnection;

use crate::db::lists::{Chosen, MATCHED_LIMIT, Piece};
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
    let row = sqlx::query!(
        r#"WITH matching AS MATERIALIZED (
               SELECT g.game_id FROM games g JOIN runtime_records r USING (game_id)
                WHERE g.status = 'paused' AND g.pause_reason IS DISTINCT FROM 'stopped'
                  AND r.status NOT IN ('starting', 'stopped', 'removed', 'finished')
                  AND CASE WHEN $1::text IS NULL THEN g.pause_reason IS DISTINCT FROM 'manual' ELSE g.pause_reason = $1 END
                  AND ($2::text IS NULL OR g.visibility = $2) AND ($3::uuid IS NULL OR g.owner_user_id = $3)
                  AND ($4::text IS NULL OR g.target_engine_version = $4)
                  AND g.state_since <= $5 AND g.game_id > $6
                ORDER BY g.game_id LIMIT $7)
           SELECT (SELECT count(*) FROM matching) AS "matched!",
                  ARRAY(SELECT game_id FROM matching ORDER BY game_id LIMIT $8) AS "ids!: Vec<GameId>""#,
        filter.pause_reason.map(PauseReason::as_str),
        filter.visibility.map(Visibility::as_str),
        filter.owner_user_id.map(UserId::uuid),
        filter.engine_version,
        piece.as_of,
        piece.above(),
        MATCHED_LIMIT,
        i64::from(piece.limit)
    )
    .fetch_one(conn)
    .await?;
    Ok(Chosen { matched: row.matched, ids: row.ids })
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
    let row = sqlx::query!(
        r#"WITH matching AS MATERIALIZED (
               SELECT g.game_id FROM games g
                WHERE g.status = 'running'
                  AND ($1::text IS NULL OR g.visibility = $1) AND ($2::uuid IS NULL OR g.owner_user_id = $2)
                  AND ($3::text IS NULL OR g.target_engine_version = $3)
                  AND g.state_since <= $4 AND g.game_id > $5
                ORDER BY g.game_id LIMIT $6)
           SELECT (SELECT count(*) FROM matching) AS "matched!",
                  ARRAY(SELECT game_id FROM matching ORDER BY game_id LIMIT $7) AS "ids!: Vec<GameId>""#,
        filter.visibility.map(Visibility::as_str),
        filter.owner_user_id.map(UserId::uuid),
        filter.engine_version,
        piece.as_of,
        piece.above(),
        MATCHED_LIMIT,
        i64::from(piece.limit)
    )
    .fetch_one(conn)
    .await?;
    Ok(Chosen { matched: row.matched, ids: row.ids })
}
