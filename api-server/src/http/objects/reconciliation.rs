//! What is done about the engines of all daemons at once.

use chrono::{DateTime, Utc};
use poem_openapi::Object;
use uuid::Uuid;

use crate::use_cases::reconcile;

/// What is to be done, or was begun, about the engines of all daemons that are served.
#[derive(Debug, Object)]
pub struct Reconciliation {
    /// Whether nothing of it was done.
    pub dry_run: bool,
    /// One for each daemon that a live controller serves.
    pub daemons: Vec<DaemonReconciliation>,
}

/// What is to be done, or was begun, about one daemon's engines.
#[derive(Debug, Object)]
pub struct DaemonReconciliation {
    /// The daemon.
    pub daemon_id: String,
    /// In order; those of one game one after the other.
    pub actions: Vec<ReconcileAction>,
    /// Whether what was begun was done, well or not, when this was told; the rest goes on.
    pub finished: bool,
    /// Why the controller could not tell.
    pub error: Option<String>,
}

/// Something to be done about one game's engine.
#[derive(Debug, Object)]
pub struct ReconcileAction {
    /// `forget`, `revive`, `give_up`, `adopt`, `orphan`, `remove_stray`, `probe`, `unwell` or `pause`; more may come.
    pub action: String,
    /// The game.
    pub game_id: Uuid,
    /// The container that was seen, if one was.
    pub container_id: Option<String>,
    /// What was seen.
    pub detail: String,
    /// Of an orphan: when it is removed. Null for everything else, which is done at once.
    pub due_at: Option<DateTime<Utc>>,
}

impl From<reconcile::Reconciliation> for Reconciliation {
    fn from(of: reconcile::Reconciliation) -> Self {
        Self { dry_run: of.dry_run, daemons: of.daemons.into_iter().map(Into::into).collect() }
    }
}

impl From<reconcile::Daemon> for DaemonReconciliation {
    fn from(of: reconcile::Daemon) -> Self {
        let actions = of.actions.into_iter().map(Into::into).collect();
        Self { daemon_id: of.daemon_id, actions, finished: of.finished, error: of.error }
    }
}

impl From<reconcile::Action> for ReconcileAction {
    fn from(of: reconcile::Action) -> Self {
        Self {
            action: of.action,
            game_id: of.game_id,
            container_id: of.container_id,
            detail: of.detail,
            due_at: of.due_at,
        }
    }
}
