//! Queues of durable work, as administrators see them (SPEC §5 objects).

use std::collections::BTreeMap;

use poem_openapi::Object;

use crate::page_of;
use crate::use_cases::queues::Seen;

page_of!(QueuePage, Queue);

/// A queue of durable work.
#[derive(Debug, Object)]
pub struct Queue {
    /// `mail`, `notifications`, `notification_routes`, `runtime_jobs` or `runtime_turns`.
    pub name: String,
    /// While it is paused nothing is begun; what is under way goes on.
    pub paused: bool,
    /// Rows by state, without those that are over well. Counted to 10 000: a state at that number has at least so many.
    pub depth: BTreeMap<String, i64>,
    /// For how long the row has been due that has been due longest; 0 while none is.
    pub oldest_due_seconds: f64,
}

impl From<Seen> for Queue {
    fn from(Seen { spec, snapshot }: Seen) -> Self {
        Self {
            name: spec.name.to_owned(),
            paused: snapshot.paused,
            depth: snapshot.depth,
            oldest_due_seconds: snapshot.oldest_due_seconds.unwrap_or(0.0),
        }
    }
}
