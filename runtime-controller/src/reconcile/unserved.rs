//! Daemons that nobody serves: shown by each record, and told of once (SPEC §8, "There is a way on").

use std::time::Duration;

use shared::db::runtime::{self, seen};
use shared::queue::{Topic, Waker};

use crate::engines::Engines;
use crate::outcome::Outcomes;

/// A controller that is started anew is back by then.
const GRACE: Duration = Duration::from_secs(60);

/// Notes them, and tells the administrators of each once, however many controllers look.
pub(super) async fn look(engines: &Engines, outcomes: &Outcomes, waker: &Waker) -> Result<(), shared::db::Error> {
    let mut tx = engines.db.begin().await?;
    let daemons = seen::note_unserved(&mut tx, GRACE).await?;
    let mut told = false;
    for daemon in &daemons {
        if outcomes.unserved(&mut tx, daemon).await? {
            told = true;
            let detail = format!("no live controller serves {} since {}", daemon.daemon_id, daemon.since);
            runtime::count_operation(&mut tx, daemon.game_id, "unserved", "seen", Some(&detail)).await?;
            tracing::error!(
                daemon_id = daemon.daemon_id, games = daemon.games, since = %daemon.since,
                "no controller serves this daemon: its games have no turns"
            );
        }
    }
    tx.commit().await?;
    engines.metrics.unserved(daemons.iter().map(|daemon| daemon.games.unsigned_abs()).sum());
    if told {
        waker.wake(Topic::Notifications);
    }
    Ok(())
}
