//! What administrators ask the reconcilers of all daemons at once.

use std::time::Duration;

use futures::future::join_all;
use serde::Deserialize;
use serde_json::json;
use shared::db::runtime::questions;
use shared::domain::runtime::QuestionKind;

use super::ask;
use super::caller::Caller;
use crate::app::App;
use crate::http::problem::Problem;
use crate::http::runtimes::{DaemonReconciliation, ReconcileAction, Reconciliation};

/// A controller tells after eight seconds what it has begun, whether it is done by then or not.
const PATIENCE: Duration = Duration::from_secs(12);

/// What a controller answers.
#[derive(Deserialize)]
struct Told {
    actions: Vec<ReconcileAction>,
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
            Ok(Told { actions, finished }) => DaemonReconciliation { daemon_id, actions, finished, error: None },
            Err(problem) => {
                DaemonReconciliation { daemon_id, actions: Vec::new(), finished: false, error: Some(problem.detail) }
            }
        }
    };
    let daemons = join_all(served.into_iter().map(ask)).await;
    Ok(Reconciliation { dry_run, daemons })
}
