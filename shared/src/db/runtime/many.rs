//! Which runtimes something is done to, of all that match (SPEC §4 "Bulk").

use sqlx::PgConnection;

use crate::db::lists::{Chosen, Piece, chosen};
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
    Ok(chosen!(
        conn,
        piece,
        "game_id",
        "GameId",
        "SELECT g.game_id FROM games g JOIN runtime_records r USING (game_id)
          WHERE g.status IN ('running', 'paused') AND g.pause_reason IS DISTINCT FROM 'stopped'
            AND r.status NOT IN ('stopped', 'removed', 'finished')
            AND ($5::text IS NULL OR r.status = $5) AND ($6::text IS NULL OR r.engine_version = $6)
            AND g.state_since <= $1 AND g.game_id > $2
            AND NOT EXISTS (SELECT FROM runtime_jobs j WHERE j.game_id = g.game_id AND j.created_at > $1)",
        filter.status.map(RuntimeStatus::as_str),
        filter.engine_version
    ))
}
