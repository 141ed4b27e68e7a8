//! What administrators ask the reconcilers of all daemons at once.

use std::time::Duration;

use chrono::{DateTime, Utc};
use futures::future::join_all;
use serde::Deserialize;
use serde_json::json;
use shared::db::runtime::questions;
use shared::domain::runtime::QuestionKind;
use uuid::Uuid;

use super::ask;
use super::caller::Caller;
use crate::app::App;
use crate::refusal::Problem;

/// A controller tells after eight seconds what it has begun, whether it is done by then or not.
const PATIENCE: Duration = Duration::from_secs(12);

/// What is to be done, or was begun, about the engines of all daemons that are served.
pub struct Reconciliation {
    /// Whether nothing of it was done.
    pub dry_run: bool,
    /// One for each daemon that a live controller serves.
    pub daemons: Vec<Daemon>,
}

/// What is to be done, or was begun, about one daemon's engines.
pub struct Daemon {
    /// The daemon.
    pub daemon_id: String,
    /// In order; those of one game one after the other.
    pub actions: Vec<Action>,
    /// Whether what was begun was done when this was told.
    pub finished: bool,
    /// Why the controller could not tell.
    pub error: Option<String>,
}

/// Something to be done about one game's engine, as its controller writes it.
#[derive(Deserialize)]
pub struct Action {
    /// A word of the controller's.
    pub action: String,
    /// The game.
    pub game_id: Uuid,
    /// The container that was seen, if one was.
    pub container_id: Option<String>,
    /// What was seen.
    pub detail: String,
    /// Of an orphan: when it is removed.
    pub due_at: Option<DateTime<Utc>>,
}

/// What a controller answers.
#[derive(Deserialize)]
struct Told {
    actions: Vec<Action>,
    finished: bool,
}

/// Has every served daemon reconciled, or only asks what that would be.
///
/// # Errors
/// What the database answers: a controller that does not is told of in its daemon's line.
pub async fn reconcile(app: &App, caller: &Caller<'_>, dry_run: bool) -> Result<Reconciliation, Problem> {
    let mut tx = app.db.begin().await?;
    let served = questions::served_daemons(&mut tx).await?;
    caller
        .audit(&mut tx, "runtime.reconcile", "daemon", "all", json!({ "dry_run": dry_run, "daemons": served }))
        .await?;
    tx.commit().await?;
    let ask = async |daemon_id: String| {
        let payload = json!({ "dry_run": dry_run });
        let told = ask::controller::<Told>(app, &daemon_id, QuestionKind::Reconcile, None, payload, PATIENCE).await;
        match told {
            Ok(Told { actions, finished }) => Daemon { daemon_id, actions, finished, error: None },
            Err(problem) => Daemon { daemon_id, actions: Vec::new(), finished: false, error: Some(problem.detail) },
        }
    };
    let daemons = join_all(served.into_iter().map(ask)).await;
    Ok(Reconciliation { dry_run, daemons })
}
