//! Processes that work the queues, as administrators see them (SPEC §5 objects).

use chrono::{DateTime, Utc};
use poem_openapi::Object;
use shared::db;
use uuid::Uuid;

use crate::page_of;

page_of!(WorkerPage, Worker);

/// A process that works queues.
#[derive(Debug, Object)]
pub struct Worker {
    /// The registration. A process has another after each lost lease.
    pub worker_id: Uuid,
    /// `mail-worker`, `notify-worker` or `runtime-controller`.
    pub process: String,
    /// Process, host, process id and a random part, as its log lines and metrics name it.
    pub instance: String,
    /// The version that it was built as; null for a release that does not say.
    pub version: Option<String>,
    /// Since when it has been registered without interruption.
    pub started_at: DateTime<Utc>,
    /// Until when its lease lasts. It is renewed every second: one that is over belongs to a process that is dead or cut off
    /// from the database.
    pub expires_at: DateTime<Utc>,
    /// The daemon whose games a runtime-controller serves; null for the others.
    pub daemon_id: Option<String>,
}

impl From<db::workers::Worker> for Worker {
    fn from(row: db::workers::Worker) -> Self {
        Self {
            worker_id: row.worker_id.uuid(),
            process: row.process,
            instance: row.instance,
            version: row.version,
            started_at: row.started_at,
            expires_at: row.expires_at,
            daemon_id: row.daemon_id,
        }
    }
}
