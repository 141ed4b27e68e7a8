//! Which runtimes something is done to, of all that match (SPEC §4 "Bulk").

use sqlx::PgConnection;

use crate::db::lists::{Chosen, MATCHED_LIMIT, Piece};
use crate::domain::runtime::RuntimeStatus;
use crate::ids::GameId;
use crate::postgres::Error;

/// Which runtimes; what is absent leaves the choice open.
#[derive(Debug, Clone, Default)]
pub struct RuntimeFilter<'a> {
    /// In this status.
    pub status: Option<RuntimeStatus>,
    /// Whose engine is of this version.
    pub engine_version: Option<&'a str>,
}

/// The runtimes that have an engine whose place another can take. One that was given a job after the set was looked at is left out:
/// so the same call twice replaces no engine twice.
pub async fn replaceable(
    conn: &mut PgConnection,
    filter: &RuntimeFilter<'_>,
    piece: &Piece,
) -> Result<Chosen<GameId>, Error> {
    let row = sqlx::query!(
        r#"WITH matching AS MATERIALIZED (
               SELECT g.game_id FROM games g JOIN runtime_records r USING (game_id)
                WHERE g.status IN ('running', 'paused') AND g.pause_reason IS DISTINCT FROM 'stopped'
                  AND r.status NOT IN ('stopped', 'removed', 'finished')
                  AND ($1::text IS NULL OR r.status = $1) AND ($2::text IS NULL OR r.engine_version = $2)
                  AND g.state_since <= $3 AND g.game_id > $4
                  AND NOT EXISTS (SELECT FROM runtime_jobs j WHERE j.game_id = g.game_id AND j.created_at > $3)
                ORDER BY g.game_id LIMIT $5)
           SELECT (SELECT count(*) FROM matching) AS "matched!",
                  ARRAY(SELECT game_id FROM matching ORDER BY game_id LIMIT $6) AS "ids!: Vec<GameId>""#,
        filter.status.map(RuntimeStatus::as_str),
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
