//! State directories that grow, with the process driver: the watch is the same for both.

use std::os::unix::fs::PermissionsExt as _;

use shared::db::runtime::start_turns;
use testkit::eventually;

use crate::reconcile::{operation, set};
use crate::world::{SOON, World};

const LIMIT: [(&str, &str); 2] = [("BACKEND_RUNTIME_STATE_LIMIT", "1MiB"), ("GALAXY_TURN_LIMIT", "1000")];

#[tokio::test]
async fn a_game_that_keeps_too_much_is_paused_and_goes_on_when_it_keeps_less() {
    let world = World::with_processes().await;
    let game_id = world.game("@every 1s", &["Ants", "Bees"]).await;
    let neighbour = world.game("@every 1s", &["Ants", "Bees"]).await;
    let _controller = world.controller(&LIMIT);
    world.reaches_turn(game_id, 1).await;
    let junk = world.state_root().join(game_id.to_string()).join("junk");
    // Written elsewhere and moved in: the watch never measures half of it.
    let written = world.root.path().join("junk");
    std::fs::write(&written, vec![1; 3 << 19]).unwrap();
    std::fs::rename(&written, &junk).unwrap();
    world.reaches(game_id, "paused").await;
    // A turn that was under way is let end.
    eventually(SOON, "at rest", || async { world.runtime(game_id).await.next_turn_at.is_none() }).await;
    let turn = world.turn(game_id).await;
    assert_eq!(world.text("SELECT pause_reason FROM games WHERE game_id = $1", game_id).await, "state_limit");
    assert_eq!(world.told(game_id, "game.paused").await.len(), 1);
    let told = world
        .text(
            "SELECT payload ->> 'reason' FROM notifications WHERE kind = 'game.generation.failed' AND game_id = $1",
            game_id,
        )
        .await;
    assert!(told.contains("holds 1.5 MiB") && told.contains("may hold 1.0 MiB"), "{told}");
    assert_eq!(world.engines(game_id).len(), 1, "it is paused, not stopped");

    std::fs::remove_file(&junk).unwrap();
    let daemon = world.runtime(game_id).await.daemon_id;
    sqlx::query("UPDATE games SET status = 'running', pause_reason = NULL WHERE game_id = $1")
        .bind(game_id.uuid())
        .execute(&world.pool())
        .await
        .unwrap();
    let mut conn = world.pool().acquire().await.unwrap();
    let now = sqlx::query_scalar("SELECT clock_timestamp()").fetch_one(&mut *conn).await.unwrap();
    start_turns(&mut conn, game_id, &daemon, now).await.unwrap();
    world.reaches_turn(game_id, turn + 2).await;

    // Far too much: paused, then stopped; its state stays.
    std::fs::write(&junk, vec![1; 3 << 20]).unwrap();
    world.reaches(game_id, "paused").await;
    eventually(SOON, "its engine is gone", || async { world.engines(game_id).is_empty() }).await;
    eventually(SOON, "and recorded so", || async { world.runtime(game_id).await.status.as_str() == "removed" }).await;
    assert!(junk.exists());
    assert_eq!(world.status(neighbour).await, "running");
    assert!(world.told(neighbour, "game.paused").await.is_empty());
}

/// While a start waits for its engine, that has its state directory already.
#[tokio::test]
async fn a_start_whose_engine_writes_too_much_fails_and_its_container_goes() {
    let mut world = World::with_processes().await;
    let script = world.root.path().join("engine");
    let text = "#!/bin/sh\nhead -c 3000000 /dev/zero | tr '\\0' x > \"$GALAXY_STATE_DIR/junk\"\nexec sleep 600\n";
    std::fs::write(&script, text).unwrap();
    std::fs::set_permissions(&script, std::fs::Permissions::from_mode(0o755)).unwrap();
    world.image = script.to_str().unwrap().to_owned();
    let game_id = world.game("@every 1h", &["Ants", "Bees"]).await;
    let _controller = world.controller(&LIMIT);
    world.reaches(game_id, "start_failed").await;
    assert_eq!(world.told(game_id, "runtime.start_config_invalid").await.len(), 1);
    assert!(world.told(game_id, "runtime.container_start_failed").await.is_empty());
    let failed = operation(&world, game_id, "start", "start_config_invalid").await;
    assert!(matches!(&failed[..], [(_, why)] if why.contains("may hold 1.0 MiB")), "{failed:?}");
    world.job_ends(game_id, "stop", "succeeded").await;
    eventually(SOON, "its engine is gone", || async { world.engines(game_id).is_empty() }).await;
    assert!(world.state_dir(game_id).join("junk").exists(), "its state stays");
}

#[tokio::test]
async fn an_engine_that_is_there_after_its_start_failed_is_stopped_when_it_writes_too_much() {
    let world = World::with_processes().await;
    let game_id = world.game("@every 1h", &["Ants", "Bees"]).await;
    let _controller = world.controller(&LIMIT);
    world.reaches(game_id, "running").await;
    // As a controller leaves it that made the container when its start was given up already: nobody knows of it.
    set(&world, game_id, "UPDATE games SET status = 'start_failed', updated_at = now() WHERE game_id = $1").await;
    let unknown =
        "UPDATE runtime_records SET status = 'removed', container_id = NULL, endpoint = NULL WHERE game_id = $1";
    set(&world, game_id, unknown).await;
    std::fs::write(world.state_dir(game_id).join("junk"), vec![1; 3 << 20]).unwrap();
    world.job_ends(game_id, "stop", "succeeded").await;
    eventually(SOON, "its engine is gone", || async { world.engines(game_id).is_empty() }).await;
    let stopped = operation(&world, game_id, "state", "stopped").await;
    assert_eq!(stopped.len(), 1, "and not asked for again: {stopped:?}");
}
