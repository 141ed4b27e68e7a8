//! Both sides, read anew: the daemon's list of our containers, and what is recorded of their games and of those that should
//! have one. One request and two statements, however many they are.

use std::collections::{HashMap, HashSet};

use chrono::{DateTime, Utc};
use shared::db::runtime::seen::{self, RecordedSide};
use shared::domain::runtime::Health;
use shared::ids::GameId;

use super::PassError;
use super::plan::{Record, Recorded, World};
use crate::engines::Engines;

/// Reads both sides. The daemon is asked first: a container that is made meanwhile is in the record and not in the list, and what
/// is done about that looks again before it does anything.
///
/// # Errors
/// [`PassError`].
pub async fn observe(
    engines: &Engines,
    unwanted: HashMap<String, DateTime<Utc>>,
    in_hand: HashSet<GameId>,
) -> Result<World, PassError> {
    let mut listed = engines.op("list", engines.driver.list()).await?;
    let games: Vec<_> = listed.iter().map(|listed| listed.game_id.uuid()).collect();
    let mut conn = engines.db.acquire().await?;
    let now = seen::now(&mut conn).await?;
    let rows = seen::recorded_side(&mut conn, &engines.daemon_id, &games).await?;
    let mut known = Vec::with_capacity(rows.len());
    for row in rows {
        let game_id = row.game_id;
        match recorded(row, &engines.daemon_id) {
            Some(recorded) => known.push(recorded),
            // Nor is its container anybody's orphan.
            None => listed.retain(|listed| listed.game_id != game_id),
        }
    }
    Ok(World { now, recorded: known, listed, unwanted, in_hand })
}

/// A row with a word of a later build is left alone: whoever knows the word sees to it.
fn recorded(row: RecordedSide, daemon_id: &str) -> Option<Recorded> {
    let record = match (row.daemon_id, row.status) {
        (Some(daemon), Some(status)) => Some(Record {
            ours: daemon == daemon_id,
            status: known(&row.game_id, &status)?,
            container_id: row.container_id,
            endpoint: row.endpoint,
            well: match row.health.and_then(|health| health.parse().ok()) {
                Some(Health::Healthy) => Some(true),
                Some(Health::Unhealthy) => Some(false),
                _ => None,
            },
            revivals: row.revivals.unwrap_or_default(),
            revive_at: row.revive_at,
            probed_at: row.probed_at,
            ill_since: row.ill_since,
            lacks_since: row.ill_since.filter(|_| row.misses == Some(0)),
        }),
        _ => None,
    };
    let pause_reason = match &row.pause_reason {
        Some(reason) => Some(known(&row.game_id, reason)?),
        None => None,
    };
    Some(Recorded {
        game_id: row.game_id,
        game: known(&row.game_id, &row.game_status)?,
        pause_reason,
        changed_at: row.game_updated_at,
        busy: row.busy,
        record,
    })
}

fn known<T: std::str::FromStr>(game_id: &GameId, word: &str) -> Option<T> {
    let known = word.parse().ok();
    if known.is_none() {
        tracing::warn!(%game_id, word, "a word that this build does not know: the game is left alone");
    }
    known
}
