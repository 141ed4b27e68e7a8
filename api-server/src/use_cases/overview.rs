//! What an operator looks at first.

use shared::db;

use super::queues::{self, Seen};
use crate::app::App;
use crate::refusal::Problem;

/// Everything that may want somebody: the counts of one moment, and the queues right after it.
pub struct Overview {
    /// What is counted of games, turns, runtimes and workers.
    pub counts: db::overview::Overview,
    /// Every queue.
    pub queues: Vec<Seen>,
}

/// Looks at everything.
pub async fn look(app: &App) -> Result<Overview, Problem> {
    let mut conn = app.db.acquire().await?;
    let counts = db::overview::look(&mut conn).await?;
    drop(conn);
    let queues = queues::look(app, &db::queues::ALL).await?;
    Ok(Overview { counts, queues })
}
