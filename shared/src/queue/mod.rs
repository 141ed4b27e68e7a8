//! Durable work: one engine for mail, notifications, routes, jobs and turns (SPEC §10; `docs/queue.md` explains it).
//!
//! A queue is a table with the queue columns and a type that implements [`Queue`]. [`run()`] claims due rows in short
//! statements, works them with no transaction open, and writes what came of it in batches, fenced by each row's token.
//! [`Worker`] keeps the process's lease; rows of a worker that died are due again within seconds. [`wake::start`] gives
//! the hints that make it fast; the table alone makes it right.
//!
//! What a reader may rely on: every due row is worked **at least once**, never by two workers at the same time that both
//! believe the row is theirs, and a result is recorded only by whoever still holds the row.

mod background;
pub mod backoff;
mod batch;
mod claim;
mod context;
mod engine;
mod finish;
pub mod metrics;
mod notify_health;
mod redrive;
mod rescue;
mod retention;
mod run;
mod seat;
mod spec;
mod sql;
mod trace;
pub mod wake;
mod work;
mod worker;

pub use self::{
    context::{Lost, WorkContext},
    notify_health::NotifyHealth,
    redrive::{dismiss, redrive},
    run::{WorkerDeps, run},
    spec::{Cause, Claim, Fate, Finished, Outcome, Queue, QueueSpec, Rescued, Settings, Settled, Verdict},
    sql::{Texts, explain_claim, texts},
    wake::{Listener, Signal, Topic, Waker},
    worker::{Timing, Worker},
};
