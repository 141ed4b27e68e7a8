//! Whether the process is ready, part by part, and the watch on Postgres and its schema. The listener that says so is
//! [`ops`](super::ops).

mod probe;
mod schema;

use std::sync::Arc;

use parking_lot::Mutex;
use serde::Serialize;

pub use self::{
    probe::ask_readiness,
    schema::{SchemaGate, watch_schema},
};

/// What it means for the process that a part fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PartKind {
    /// The process is not ready without it.
    Required,
    /// The process is ready but degraded: a worker whose relay, daemon or hub is away.
    Degraded,
}

/// The parts of this process and how they are. Clones share the same parts.
#[derive(Clone, Default)]
pub struct Health(Arc<Mutex<Parts>>);

#[derive(Default)]
struct Parts {
    parts: Vec<Part>,
    stopping: bool,
}

struct Part {
    name: &'static str,
    kind: PartKind,
    state: State,
}

#[derive(PartialEq, Eq)]
enum State {
    Starting,
    Ok,
    Failed(String),
}

/// Reports on one part.
#[derive(Clone)]
pub struct PartHandle {
    health: Health,
    name: &'static str,
}

impl Health {
    /// A process without parts, which is ready.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a part, which fails as `starting` until its handle says otherwise. A name that is there already gives
    /// another handle on the same part.
    #[must_use]
    pub fn part(&self, name: &'static str, kind: PartKind) -> PartHandle {
        let mut inner = self.0.lock();
        if !inner.parts.iter().any(|part| part.name == name) {
            inner.parts.push(Part { name, kind, state: State::Starting });
        }
        PartHandle { health: self.clone(), name }
    }

    /// From now on the process is not ready: it is about to end.
    pub fn set_stopping(&self) {
        self.0.lock().stopping = true;
    }

    /// How the process is.
    #[must_use]
    pub fn report(&self) -> HealthReport {
        let inner = self.0.lock();
        let mut status = Status::Ok;
        let mut parts: Vec<PartReport> = inner
            .parts
            .iter()
            .map(|part| {
                let (ok, reason) = match &part.state {
                    State::Ok => (Status::Ok, None),
                    State::Starting => (part.kind.failed(), Some("starting".to_owned())),
                    State::Failed(reason) => (part.kind.failed(), Some(reason.clone())),
                };
                status = status.max(ok);
                PartReport { name: part.name, status: ok, reason }
            })
            .collect();
        if inner.stopping {
            status = Status::Unavailable;
            parts.push(PartReport {
                name: "process",
                status: Status::Unavailable,
                reason: Some("stopping".to_owned()),
            });
        }
        HealthReport { status, parts }
    }
}

impl PartKind {
    fn failed(self) -> Status {
        match self {
            Self::Required => Status::Unavailable,
            Self::Degraded => Status::Degraded,
        }
    }
}

impl PartHandle {
    /// The part works.
    pub fn set_ok(&self) {
        if self.set(State::Ok) {
            tracing::info!(part = self.name, "part is ready");
        }
    }

    /// The part does not work. The reason is shown on the ops listener and logged, so it holds no secret.
    pub fn set_failed(&self, reason: impl Into<String>) {
        let reason = reason.into();
        if self.set(State::Failed(reason.clone())) {
            tracing::warn!(part = self.name, reason, "part has failed");
        }
    }

    /// Whether the part works.
    #[must_use]
    pub fn is_ok(&self) -> bool {
        self.health.0.lock().parts.iter().any(|part| part.name == self.name && part.state == State::Ok)
    }

    /// Notes a state; whether that is news.
    fn set(&self, state: State) -> bool {
        let mut inner = self.health.0.lock();
        match inner.parts.iter_mut().find(|part| part.name == self.name) {
            Some(part) if part.state != state => {
                part.state = state;
                true
            }
            _ => false,
        }
    }
}

/// How a part, or the whole process, is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// Works.
    Ok,
    /// Does not work, and the process goes on without.
    Degraded,
    /// Does not work, and the process is not ready.
    Unavailable,
}

/// What `/readyz` answers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct HealthReport {
    /// The worst of the parts.
    pub status: Status,
    /// Each part.
    pub parts: Vec<PartReport>,
}

/// One part in a [`HealthReport`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PartReport {
    /// Its name, such as `postgres`.
    pub name: &'static str,
    /// How it is.
    pub status: Status,
    /// Why it is not `ok`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

impl HealthReport {
    /// The status code of the answer: 503 when unavailable, else 200.
    #[must_use]
    pub fn http_status(&self) -> u16 {
        if self.status == Status::Unavailable { 503 } else { 200 }
    }

    /// The same without reasons, which name hosts: for a listener that anyone may ask.
    #[must_use]
    pub fn without_reasons(mut self) -> Self {
        for part in &mut self.parts {
            part.reason = None;
        }
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_worst_part_decides_and_degraded_is_still_ready() {
        let health = Health::new();
        assert_eq!(health.report().http_status(), 200);
        let postgres = health.part("postgres", PartKind::Required);
        let relay = health.part("relay", PartKind::Degraded);
        assert_eq!(health.report().status, Status::Unavailable, "starting is not ready");
        postgres.set_ok();
        assert_eq!(health.report().status, Status::Degraded);
        assert_eq!(health.report().http_status(), 200);
        relay.set_ok();
        assert_eq!(health.report().status, Status::Ok);
        postgres.set_failed("connection refused");
        let report = health.report();
        assert_eq!(report.http_status(), 503);
        assert_eq!(
            serde_json::to_value(&report).unwrap(),
            serde_json::json!({"status": "unavailable", "parts": [
                {"name": "postgres", "status": "unavailable", "reason": "connection refused"},
                {"name": "relay", "status": "ok"},
            ]})
        );
        assert!(report.without_reasons().parts.iter().all(|part| part.reason.is_none()));
    }

    #[test]
    fn a_stopping_process_is_not_ready() {
        let health = Health::new();
        health.set_stopping();
        assert_eq!(health.report().http_status(), 503);
    }
}
