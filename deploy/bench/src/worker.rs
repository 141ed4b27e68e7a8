//! What a worker of a process needs, on a database of the bench.

use shared::db::Db;
use shared::queue::wake::{self, WakeTiming};
use shared::queue::{Worker, WorkerDeps};
use shared::random::Random;
use shared::service::health::SchemaGate;
use shared::service::lifecycle::Lifecycle;
use testkit::TestDb;

/// Registers a worker of `process`, with so many connections at most. It ends with the lifecycle.
pub fn deps(db: &TestDb, process: &'static str, connections: u32, lifecycle: &Lifecycle) -> WorkerDeps {
    let random = Random::system();
    let pool = Db::new(db.options(), connections);
    let (waker, listener) = wake::start_with(db.options(), db.options(), lifecycle, &random, WakeTiming::default());
    let worker = Worker::start(&pool, process, "bench", lifecycle, &random);
    let gate = SchemaGate::always_open();
    WorkerDeps { db: pool, worker, waker, listener, lifecycle: lifecycle.clone(), random, gate }
}
