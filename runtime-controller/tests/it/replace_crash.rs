//! Controllers killed before, between and after the steps of a restart and of a patch: another finishes the job, with one
//! engine, and each turn once. Each moment in a world of its own, some at once: each waits for the lease of a dead controller.

use futures::stream::{self, StreamExt as _};
use serde_json::json;
use shared::domain::runtime::JobKind;

use crate::barrier::Barrier;
use crate::replace::{LONG, copy, goes_on, one_engine};
use crate::turns::each_turn_once;
use crate::undo::ruinous;
use crate::world::World;

/// A kill at the moment when this would be written: everything before has happened, nothing after.
pub const MOMENTS: [(&str, &str); 9] = [
    ("claim", "new.status = 'running' AND old.status = 'pending'"),
    ("pull", "new.step = 'pull'"),
    ("hold", "new.step = 'hold'"),
    ("remove", "new.step = 'remove'"),
    ("create", "new.step = 'create'"),
    ("start", "new.step = 'start'"),
    ("health", "new.step = 'health'"),
    ("verify", "new.step = 'verify'"),
    ("finish", "new.status = 'succeeded'"),
];

/// So many worlds at once, of a controller and an engine each: more would wait for the processor, and not for leases.
pub const WORLDS: usize = 4;

pub async fn each<T, F: Future<Output = ()>>(moments: impl IntoIterator<Item = T>, world: impl Fn(T) -> F) {
    stream::iter(moments).map(world).buffer_unordered(WORLDS).collect().await
}

async fn survives(kind: JobKind, moment: &str, condition: &str) {
    let mut world = World::with_processes().await;
    world.image = copy(&world, "engine-0");
    let patched = copy(&world, "engine-1");
    let game_id = world.game("@every 1s", &["Ants", "Bees"]).await;
    world.version("1.0.1", &patched).await;
    let mut first = world.controller(&LONG);
    world.reaches_turn(game_id, 1).await;
    let former = one_engine(&world, game_id, &world.image);
    let mut barrier = Barrier::on_jobs(&world.db, &format!("new.kind = '{kind}' AND {condition}")).await;
    let (payload, image) = match kind {
        JobKind::Patch => (json!({ "version": "1.0.1" }), &patched),
        _ => (json!({}), &world.image),
    };
    world.enqueue(game_id, kind, payload).await;
    barrier.reached().await;
    let before = world.engines(game_id);
    assert!(before.len() <= 1, "{moment}: {before:?}");
    first.kill9();
    barrier.lift("runtime_jobs").await;

    let mut second = world.controller(&LONG);
    world.job_ends(game_id, kind.as_str(), "succeeded").await;
    let engine = one_engine(&world, game_id, image);
    assert_ne!(engine, former, "{moment}");
    if let [last] = before[..]
        && last != former
    {
        assert_eq!(engine, last, "{moment}: the engine that the first attempt made is kept");
    }
    goes_on(&world, game_id).await;
    second.kill9();
    each_turn_once(&world, game_id).await;
    let done =
        "SELECT count(*) FROM runtime_operations WHERE game_id = $1 AND op IN ('restart', 'patch') AND outcome = 'ok'";
    assert_eq!(world.number(done, game_id).await, 1, "{moment}");
}

#[tokio::test]
async fn a_restart_survives_a_kill_at_each_step() {
    each(MOMENTS, |(moment, condition)| survives(JobKind::Restart, moment, condition)).await;
}

#[tokio::test]
async fn a_patch_survives_a_kill_at_each_step() {
    let copied = ("snapshot", "new.step = 'snapshot'");
    each(MOMENTS.into_iter().chain([copied]), |(moment, condition)| survives(JobKind::Patch, moment, condition)).await;
}

async fn goes_back(moment: &str, condition: &str) {
    let mut world = World::with_processes().await;
    world.image = copy(&world, "engine-0");
    let game_id = world.game("@every 1s", &["Ants", "Bees"]).await;
    // It leaves nothing of the state and ends at once: given up after some attempts.
    world.version("1.0.1", &ruinous(&world, "engine-1")).await;
    let mut first = world.controller(&LONG);
    world.reaches_turn(game_id, 1).await;
    let mut barrier = Barrier::on_jobs(&world.db, condition).await;
    world.enqueue(game_id, JobKind::Patch, json!({ "version": "1.0.1" })).await;
    barrier.reached().await;
    first.kill9();
    barrier.lift("runtime_jobs").await;

    let mut second = world.controller(&LONG);
    world.job_ends(game_id, "patch", "failed").await;
    one_engine(&world, game_id, &world.image);
    goes_on(&world, game_id).await;
    second.kill9();
    each_turn_once(&world, game_id).await;
    assert_eq!(world.told(game_id, "runtime.container_start_failed").await.len(), 1, "{moment}");
}

#[tokio::test]
async fn going_back_survives_a_kill_at_each_step() {
    let moments = [
        ("back", "new.step = 'back'"),
        ("restore", "new.step = 'restore'"),
        ("restored", "new.payload ? 'restored' AND NOT old.payload ? 'restored'"),
        ("create", "new.step = 'create' AND new.payload ? 'given_up'"),
        ("start", "new.step = 'start' AND new.payload ? 'given_up'"),
        ("health", "new.step = 'health' AND new.payload ? 'given_up'"),
        ("finish", "new.status = 'failed'"),
    ];
    each(moments, |(moment, condition)| goes_back(moment, condition)).await;
}
