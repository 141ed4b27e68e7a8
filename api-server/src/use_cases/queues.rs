//! Looking at queues, and pausing them (SPEC §10.7).

use serde_json::json;
use shared::db;
use shared::queue::QueueSpec;
use shared::queue::metrics::{Snapshot, overview};
use shared::queue::wake::Topic;

use super::caller::Caller;
use super::change::Change;
use crate::app::App;
use crate::refusal::{ErrorCode, Problem};

/// A queue and what it looked like.
pub struct Seen {
    /// The queue.
    pub spec: &'static QueueSpec,
    /// What it looked like.
    pub snapshot: Snapshot,
}

/// What these queues look like, in their order.
pub async fn look(app: &App, specs: &[&'static QueueSpec]) -> Result<Vec<Seen>, Problem> {
    let mut conn = app.db.acquire().await?;
    let snapshots = overview(&mut conn, specs).await?;
    Ok(specs.iter().copied().zip(snapshots).map(|(spec, snapshot)| Seen { spec, snapshot }).collect())
}

/// Pauses a queue, or lets it go on. A worker that claims sees it; one that sleeps is woken.
///
/// # Errors
/// `queue_not_found`.
pub async fn pause(app: &App, caller: &Caller<'_>, name: &str, paused: bool) -> Result<Seen, Problem> {
    let spec = db::queues::ALL.into_iter().find(|spec| spec.name == name);
    let spec = spec.ok_or_else(|| Problem::new(ErrorCode::QueueNotFound, "No such queue."))?;
    let mut tx = app.db.begin().await?;
    let changed = db::queues::pause(&mut tx, spec, paused).await?;
    let action = if paused { "queue.pause" } else { "queue.resume" };
    let was = |paused: bool| json!({ "paused": paused });
    let change = Change::of(json!({ "changed": changed }), was(paused != changed), was(paused));
    caller.audit(&mut tx, action, "queue", name, change).await?;
    tx.commit().await?;
    app.waker.wake(Topic::Control);
    let queues = look(app, &[spec]).await?;
    queues.into_iter().next().ok_or_else(|| Problem::internal(&"one queue was looked at and none was seen"))
}
