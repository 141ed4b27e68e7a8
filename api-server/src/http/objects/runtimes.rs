//! Runtimes, as administrators see them (SPEC §5 objects).

use chrono::{DateTime, Utc};
use poem_openapi::Object;
use shared::db;
use shared::db::runtime::RuntimeFilter;
use shared::domain::runtime::RuntimeStatus;
use uuid::Uuid;

use crate::http::request::filters::among;
use crate::page_of;
use crate::refusal::Problem;
use crate::use_cases::runtimes::Shown;

page_of!(RuntimePage, Runtime);

/// A game's engine.
#[derive(Debug, Object)]
pub struct Runtime {
    /// The game.
    pub game_id: Uuid,
    /// `starting`, `running`, `generation_in_progress`, `engine_unreachable`, `generation_failed`, `stopped`, `removed` or `finished`.
    pub status: String,
    /// The version that was started.
    pub engine_version: String,
    /// The image that was started.
    pub image: String,
    /// Its content digest, where known.
    pub image_digest: Option<String>,
    /// The driver's id of the container.
    pub container_id: Option<String>,
    /// Base URL of the engine, while it is up.
    pub endpoint: Option<String>,
    /// The turn that is open.
    pub current_turn: i32,
    /// When the next turn is due; null while none is.
    pub next_turn_at: Option<DateTime<Utc>>,
    /// `unknown`, `healthy` or `unhealthy`, as last seen; `unserved` while no live controller serves the daemon that has its container.
    pub health: String,
    /// The newest entries of the operations log, newest first: a hundred, in lists three.
    pub operations: Vec<RuntimeOperation>,
    /// The newest job: the active one, if any is.
    pub job: Option<RuntimeJob>,
    /// When the runtime was first made.
    pub created_at: DateTime<Utc>,
    /// Its last change.
    pub updated_at: DateTime<Utc>,
}

/// Something that was done to a runtime.
#[derive(Debug, Object)]
pub struct RuntimeOperation {
    /// The operation's id.
    pub operation_id: Uuid,
    /// The job that did it; null for the turn timer, the reconciler and administrators.
    pub job_id: Option<Uuid>,
    /// What was done.
    pub op: String,
    /// `ok`, or a word for what went wrong.
    pub outcome: String,
    /// More, for people.
    pub detail: Option<String>,
    /// When; of one that happened again and again, the first time.
    pub at: DateTime<Utc>,
    /// How often it happened.
    pub times: i32,
    /// When it happened last.
    pub last_at: DateTime<Utc>,
}

/// An intent to do something to a runtime.
#[derive(Debug, Object)]
pub struct RuntimeJob {
    /// The job's id.
    pub job_id: Uuid,
    /// `start`, `stop`, `restart`, `patch`, `banish` or `force_next_turn`.
    pub kind: String,
    /// The step it is, or was, at.
    pub step: Option<String>,
    /// `pending`, `running`, `retrying`, `succeeded`, `failed` or `quarantined`.
    pub status: String,
    /// Attempts that failed.
    pub failures: i32,
    /// What went wrong last.
    pub last_error: Option<String>,
    /// When it was asked for.
    pub created_at: DateTime<Utc>,
    /// When it ended.
    pub finished_at: Option<DateTime<Utc>>,
}

impl From<db::runtime::Job> for RuntimeJob {
    fn from(row: db::runtime::Job) -> Self {
        Self {
            job_id: row.job_id.uuid(),
            kind: row.kind,
            step: row.step,
            status: row.status,
            failures: row.failures,
            last_error: row.last_error,
            created_at: row.created_at,
            finished_at: row.finished_at,
        }
    }
}

impl From<db::runtime::Operation> for RuntimeOperation {
    fn from(row: db::runtime::Operation) -> Self {
        Self {
            operation_id: row.operation_id.uuid(),
            job_id: row.job_id,
            op: row.op,
            outcome: row.outcome,
            detail: row.detail,
            at: row.at,
            times: row.times,
            last_at: row.last_at,
        }
    }
}

impl From<Shown> for Runtime {
    fn from(shown: Shown) -> Self {
        let Shown { record, operations, job } = shown;
        Self {
            game_id: record.game_id.uuid(),
            status: record.status.to_string(),
            engine_version: record.engine_version,
            image: record.image,
            image_digest: record.image_digest,
            container_id: record.container_id,
            endpoint: record.endpoint,
            current_turn: record.current_turn,
            next_turn_at: record.next_turn_at,
            health: record.health.to_string(),
            operations: operations.into_iter().map(Into::into).collect(),
            job: job.map(Into::into),
            created_at: record.created_at,
            updated_at: record.updated_at,
        }
    }
}

/// Which runtimes, of those that have an engine. What is absent leaves the choice open.
#[derive(Debug, Object)]
#[oai(deny_unknown_fields)]
pub struct RuntimeChoice {
    /// In this status: `starting`, `running`, `generation_in_progress`, `engine_unreachable` or `generation_failed`.
    #[oai(validator(max_length = 32))]
    pub status: Option<String>,
    /// Whose engine is of this version.
    #[oai(validator(max_length = 128))]
    pub engine_version: Option<String>,
}

impl RuntimeChoice {
    /// As the database takes it.
    ///
    /// # Errors
    /// `invalid_request` naming the field.
    pub fn filter(&self) -> Result<RuntimeFilter<'_>, Problem> {
        Ok(RuntimeFilter {
            status: among("/filter/status", self.status.as_deref(), RuntimeStatus::ALL)?,
            engine_version: self.engine_version.as_deref(),
        })
    }
}

/// Which release takes a running engine's place.
#[derive(Debug, Object)]
#[oai(deny_unknown_fields)]
pub struct PatchRuntime {
    /// A registered and enabled version: a higher patch of the same major.minor.
    #[oai(validator(min_length = 1, max_length = 128))]
    pub version: String,
}

/// The turn at which the engine stands.
#[derive(Debug, Object)]
#[oai(deny_unknown_fields)]
pub struct AcceptTurn {
    /// The game's turn from now on, from 0.
    #[oai(validator(minimum(value = "0")))]
    pub turn: i32,
}
