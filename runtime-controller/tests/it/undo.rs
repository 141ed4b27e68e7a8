//! A release that rewrites its state and dies is undone: the state that the former engine left is put back with its image.

use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;

use serde_json::json;
use shared::domain::runtime::JobKind;
use shared::ids::GameId;
use testkit::eventually;

use crate::replace::{LONG, copy, goes_on, one_engine};
use crate::turns::each_turn_once;
use crate::world::{SOON, World};

/// An engine that leaves nothing of the state that it finds, and ends.
pub fn ruinous(world: &World, name: &str) -> String {
    let script = world.root.path().join(name);
    let text = "#!/bin/sh\nrm -rf \"$GALAXY_STATE_DIR\"/*\necho version 2 > \"$GALAXY_STATE_DIR/state\"\n\
                echo cannot read what I wrote\nexit 3\n";
    std::fs::write(&script, text).unwrap();
    std::fs::set_permissions(&script, std::fs::Permissions::from_mode(0o755)).unwrap();
    script.to_str().unwrap().to_owned()
}

fn copies(world: &World, game_id: GameId) -> PathBuf {
    world.state_root().join(".snapshots").join(game_id.to_string())
}

#[tokio::test]
async fn a_release_that_ruins_the_state_is_undone_with_its_state() {
    let mut world = World::with_processes().await;
    world.image = copy(&world, "engine-0");
    let game_id = world.game("@every 1s", &["Ants", "Bees"]).await;
    world.version("1.0.1", &ruinous(&world, "engine-1")).await;
    let mut controller = world.controller(&LONG);
    world.reaches_turn(game_id, 2).await;
    world.enqueue(game_id, JobKind::Patch, json!({ "version": "1.0.1" })).await;
    let error = world.job_ends(game_id, "patch", "failed").await;
    assert!(error.contains("cannot read what I wrote"), "{error}");
    one_engine(&world, game_id, &world.image);
    goes_on(&world, game_id).await;
    assert!(!world.state_root().join(game_id.to_string()).join("state").exists(), "what the release wrote is gone");
    let restored = "SELECT count(*) FROM runtime_operations WHERE game_id = $1 AND op = 'restore' AND outcome = 'ok'";
    assert_eq!(world.number(restored, game_id).await, 1);
    eventually(SOON, "the copy goes after the next turn", || async { !copies(&world, game_id).exists() }).await;
    controller.kill9();
    each_turn_once(&world, game_id).await;
}

#[tokio::test]
async fn a_patch_keeps_the_former_state_until_the_first_turn_after_it() {
    let mut world = World::with_processes().await;
    world.image = copy(&world, "engine-0");
    let patched = copy(&world, "engine-1");
    let game_id = world.game("@every 1h", &["Ants", "Bees"]).await;
    world.version("1.0.1", &patched).await;
    let mut controller = world.controller(&LONG);
    world.reaches(game_id, "running").await;
    world.enqueue(game_id, JobKind::Patch, json!({ "version": "1.0.1" })).await;
    world.job_ends(game_id, "patch", "succeeded").await;
    assert_eq!(std::fs::read_dir(copies(&world, game_id)).unwrap().count(), 1);
    world.enqueue(game_id, JobKind::Restart, json!({})).await;
    world.job_ends(game_id, "restart", "succeeded").await;
    assert!(copies(&world, game_id).exists(), "a restart changes nothing about it");
    world.enqueue(game_id, JobKind::ForceNextTurn, json!({})).await;
    world.reaches_turn(game_id, 1).await;
    eventually(SOON, "the copy goes", || async { !copies(&world, game_id).exists() }).await;
    controller.kill9();
}

#[tokio::test]
async fn where_neither_engine_comes_up_both_say_why_and_the_state_is_the_former_ones() {
    let mut world = World::with_processes().await;
    world.image = copy(&world, "engine-0");
    let game_id = world.game("@every 1s", &["Ants", "Bees"]).await;
    world.version("1.0.1", &ruinous(&world, "engine-1")).await;
    let mut controller = world.controller(&LONG);
    world.reaches_turn(game_id, 1).await;
    let hidden = world.root.path().join("hidden");
    std::fs::rename(&world.image, &hidden).unwrap();
    world.enqueue(game_id, JobKind::Patch, json!({ "version": "1.0.1" })).await;
    let error = world.job_ends(game_id, "patch", "failed").await;
    assert!(error.contains("cannot read what I wrote"), "the new one's: {error}");
    assert!(
        error.contains("former engine did not come back") && error.contains("engine-0"),
        "the former one's: {error}"
    );
    assert_eq!(world.status(game_id).await, "paused");
    assert!(world.engines(game_id).is_empty());

    // Its administrators bring the former image back, and the game goes on where it was.
    std::fs::rename(&hidden, &world.image).unwrap();
    let turn = world.turn(game_id).await;
    world.force_start(game_id).await;
    world.reaches_turn(game_id, turn + 2).await;
    controller.kill9();
    each_turn_once(&world, game_id).await;
}

#[tokio::test]
async fn a_disk_without_room_for_the_copy_leaves_the_engine_alone() {
    let world = World::with_processes().await;
    let game_id = world.game("@every 1s", &["Ants", "Bees"]).await;
    world.version("1.0.1", &ruinous(&world, "engine-1")).await;
    let mut controller = world.controller(&LONG);
    world.reaches_turn(game_id, 1).await;
    // Nothing on the disk, and more than any disk has.
    let hole = std::fs::File::create(world.state_root().join(game_id.to_string()).join("hole")).unwrap();
    hole.set_len(1 << 42).unwrap();
    let before = world.engines(game_id);
    world.enqueue(game_id, JobKind::Patch, json!({ "version": "1.0.1" })).await;
    let error = world.job_ends(game_id, "patch", "failed").await;
    assert!(error.contains("cannot be copied") && error.contains("MiB left"), "{error}");
    assert_eq!(world.engines(game_id), before);
    goes_on(&world, game_id).await;
    controller.kill9();
}
