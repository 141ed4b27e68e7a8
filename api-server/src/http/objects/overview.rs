//! What an operator looks at first (SPEC §5 objects).

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use poem_openapi::Object;
use shared::db;

use super::queues::Queue;
use crate::use_cases::overview;

/// Everything that may want somebody. Counts end at 10 000.
#[derive(Debug, Object)]
pub struct Overview {
    /// The moment of the counts, on the database's clock; the queues are read right after it.
    pub as_of: DateTime<Utc>,
    /// Every queue, with its dead letters and what has been due longest.
    pub queues: Vec<Queue>,
    /// Paused games by reason; a reason that no game has is missing. `state_limit` are full state directories.
    pub paused_games: BTreeMap<String, i64>,
    /// Games whose start failed.
    pub start_failed_games: i64,
    /// Turns that were due more than a minute ago and are not generated yet.
    pub late_turns: i64,
    /// By how much the latest of them is late; 0 while none is.
    pub latest_turn_seconds: f64,
    /// Runtimes that are `engine_unreachable` or `generation_failed`; a status that none has is missing.
    pub unwell_runtimes: BTreeMap<String, i64>,
    /// Runtimes of daemons that no live controller serves.
    pub unserved_runtimes: i64,
    /// Push streams that their replicas told of within half a minute.
    pub push_subscribers: i64,
    /// How many events the one of them lags that lags most; 0 while there is none.
    pub push_behind: i64,
    /// The kinds of process that work queues, as far as any has registered. api-server is not among them.
    pub processes: Vec<ProcessSummary>,
}

/// One kind of process that works queues.
#[derive(Debug, Object)]
pub struct ProcessSummary {
    /// `mail-worker`, `notify-worker` or `runtime-controller`.
    pub process: String,
    /// Registrations whose lease lasts.
    pub alive: i64,
    /// Registrations whose lease is over: dead, or cut off from the database. They are swept after a while.
    pub lost: i64,
    /// The versions of those alive; two of them during a rollout. Releases that do not say theirs are left out.
    pub versions: Vec<String>,
}

impl From<overview::Overview> for Overview {
    fn from(seen: overview::Overview) -> Self {
        let counts = seen.counts;
        Self {
            as_of: counts.as_of,
            queues: seen.queues.into_iter().map(Into::into).collect(),
            paused_games: counts.paused_games,
            start_failed_games: counts.start_failed_games,
            late_turns: counts.late_turns,
            latest_turn_seconds: counts.latest_turn_seconds.unwrap_or(0.0),
            unwell_runtimes: counts.unwell_runtimes,
            unserved_runtimes: counts.unserved_runtimes,
            push_subscribers: counts.push_subscribers,
            push_behind: counts.push_behind.unwrap_or(0),
            processes: counts.processes.into_iter().map(Into::into).collect(),
        }
    }
}

impl From<db::overview::Process> for ProcessSummary {
    fn from(row: db::overview::Process) -> Self {
        Self { process: row.process, alive: row.alive, lost: row.lost, versions: row.versions }
    }
}
