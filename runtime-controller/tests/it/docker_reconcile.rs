//! The reconciler on a real daemon: what is done to containers by hand is seen by its events within two seconds, what is somebody
//! else's is left alone, and an address that goes from one engine to another carries nothing with it.

use std::time::Instant;

use testkit::eventually;

use crate::docker_world::DockerWorld;
use crate::reconcile::{actions_of, ask, operation, set};
use crate::replace::LONG;
use crate::turns::each_turn_once;
use crate::world::SOON;

const BY_EVENTS_ALONE: [(&str, &str); 2] =
    [("BACKEND_RUNTIME_RECONCILE_INTERVAL", "1h"), ("GALAXY_TURN_LIMIT", "1000")];

#[tokio::test]
async fn what_is_done_to_a_container_by_hand_is_seen_at_once_and_mended() {
    let docker = DockerWorld::new().await;
    let world = &docker.world;
    let game_id = world.game("@every 1h", &["Ants", "Bees"]).await;
    let mut controller = world.controller(&BY_EVENTS_ALONE);
    world.reaches(game_id, "running").await;
    let name = format!("galaxy-game-{game_id}");
    let seen = async |what: &str, sql: &'static str| {
        let began = Instant::now();
        eventually(SOON, what, || async { world.number(sql, game_id).await > 0 }).await;
        let after = began.elapsed();
        eprintln!("{what}: seen after {after:?}");
    };
    let revived = "SELECT coalesce(sum(times), 0)::bigint FROM runtime_operations WHERE game_id = $1 AND op = 'revive' AND times > 0";

    docker.docker(&["pause", &name]);
    seen("docker pause", "SELECT count(*) FROM runtime_records WHERE game_id = $1 AND health = 'unhealthy'").await;
    assert_eq!(world.number(revived, game_id).await, 0, "there, and not to be touched");
    docker.docker(&["unpause", &name]);
    seen("docker unpause", "SELECT count(*) FROM runtime_records WHERE game_id = $1 AND health = 'healthy'").await;

    for (how, args) in [
        ("docker kill", vec!["kill", "--signal", "KILL", &name]),
        ("docker stop", vec!["stop", "--time", "0", &name]),
        ("docker rm -f", vec!["rm", "--force", &name]),
    ] {
        let before = world.number(revived, game_id).await;
        // Each is the first of its kind: the budget is for loops.
        set(world, game_id, "UPDATE runtime_records SET revivals = 0, revive_at = NULL WHERE game_id = $1").await;
        let began = Instant::now();
        docker.docker(&args);
        eventually(SOON, how, || async { world.number(revived, game_id).await > before }).await;
        let after = began.elapsed();
        eprintln!("{how}: brought back after {after:?}");
        let address = || async { world.runtime(game_id).await.endpoint.is_some() };
        eventually(SOON, "its address is written down", address).await;
    }
    let rows = operation(world, game_id, "revive", "ok").await;
    assert_eq!(rows.iter().map(|(times, _)| *times).collect::<Vec<_>>(), [3], "one row with a count: {rows:?}");
    assert_eq!(world.status(game_id).await, "running");
    assert!(world.told(game_id, "game.paused").await.is_empty());
    assert_eq!(docker.containers().len(), 1);
    controller.kill9();
}

#[tokio::test]
async fn what_is_nobodys_goes_and_look_alikes_stay() {
    let docker = DockerWorld::new().await;
    let world = &docker.world;
    let game_id = world.game("@every 1h", &["Ants", "Bees"]).await;
    let of_no_game = shared::ids::GameId::new();
    let (ours, no_game) = (format!("galaxy.instance={}", docker.instance), format!("galaxy.game_id={of_no_game}"));
    let make = |name: &str, labels: &[&str]| {
        let mut args = vec!["create", "--name", name];
        for label in labels {
            args.extend(["--label", label]);
        }
        args.push(&world.image);
        docker.docker(&args).trim().to_owned()
    };
    // Of a game that there is not: unwanted. The others have a name, or labels, or an instance of somebody else.
    let unwanted = make(&format!("galaxy-game-{of_no_game}"), &["galaxy.backend=1", &ours, &no_game]);
    let (other, third) = (shared::ids::GameId::new(), shared::ids::GameId::new());
    let foreign = [
        make(&format!("somebodys-{}", docker.instance), &["galaxy.backend=1", &ours, &no_game]),
        make(
            &format!("galaxy-game-{other}"),
            &["galaxy.backend=1", "galaxy.instance=another", &format!("galaxy.game_id={other}")],
        ),
        make(&format!("galaxy-game-{third}"), &[]),
    ];
    let mut controller = world.controller(&[("BACKEND_RUNTIME_ORPHAN_GRACE", "0s")]);
    let there = |id: &str| docker.docker(&["ps", "--all", "--quiet", "--no-trunc"]).lines().any(|line| line == id);
    world.reaches(game_id, "running").await;
    eventually(SOON, "the unwanted one goes", || async { !there(&unwanted) }).await;
    let answer = ask(world, game_id, true).await;
    assert!(actions_of(&answer, of_no_game).is_empty() && actions_of(&answer, other).is_empty(), "{answer}");
    for id in &foreign {
        assert!(there(id), "a look-alike was removed");
        assert_eq!(docker.inspect(id)["State"]["Status"], "created", "a look-alike was touched");
        docker.docker(&["rm", id]);
    }
    controller.kill9();
}

#[tokio::test]
async fn a_container_that_is_renamed_never_runs_beside_another_on_the_same_state() {
    let docker = DockerWorld::new().await;
    let world = &docker.world;
    let game_id = world.game("@every 2s", &["Ants", "Bees"]).await;
    let mut controller = world.controller(&LONG);
    world.reaches_turn(game_id, 1).await;
    let former = docker.containers();
    let name = format!("galaxy-game-{game_id}");
    // Nobody is there to see it; whoever comes looks at once.
    controller.kill9();
    docker.docker(&["rename", &name, &format!("old-{}", docker.instance)]);
    let mut controller = world.controller(&BY_EVENTS_ALONE);
    // A turn that is due may still be asked of it.
    eventually(SOON, "another takes its place", || async {
        let (now, runtime) = (docker.containers(), world.runtime(game_id).await);
        let replaced = now.len() == 1 && now != former && runtime.container_id.as_ref() == now.first();
        if replaced { Ok(()) } else { Err((now, runtime)) }
    })
    .await;
    let turn = world.turn(game_id).await;
    world.reaches_turn(game_id, turn + 2).await;
    assert_eq!(docker.containers().len(), 1);

    // Under the controller's eyes, and the game does not run: the daemon tells of it.
    set(world, game_id, "UPDATE games SET status = 'paused', pause_reason = 'manual' WHERE game_id = $1").await;
    eventually(SOON, "at rest", || async { world.runtime(game_id).await.next_turn_at.is_none() }).await;
    docker.docker(&["rename", &name, &format!("older-{}", docker.instance)]);
    eventually(SOON, "it goes", || async { docker.containers().is_empty() }).await;
    eventually(SOON, "noted", || async { world.runtime(game_id).await.container_id.is_none() }).await;
    assert_eq!(operation(world, game_id, "stray", "removed").await.len(), 1);
    controller.kill9();
    each_turn_once(world, game_id).await;
}

#[tokio::test]
async fn a_stop_takes_along_what_was_renamed() {
    let docker = DockerWorld::new().await;
    let world = &docker.world;
    let game_id = world.game("@every 1h", &["Ants", "Bees"]).await;
    let mut controller = world.controller(&LONG);
    world.reaches(game_id, "running").await;
    controller.kill9();
    docker.docker(&["rename", &format!("galaxy-game-{game_id}"), &format!("old-{}", docker.instance)]);
    world.end_game(game_id, "cancelled").await;
    let mut controller = world.controller(&LONG);
    world.job_ends(game_id, "stop", "succeeded").await;
    assert!(docker.containers().is_empty());
    controller.kill9();
}

/// By its name or by its address: without the network nobody gets there.
#[tokio::test]
async fn a_container_that_is_taken_off_the_engines_network_is_made_anew() {
    let docker = DockerWorld::new().await;
    let world = &docker.world;
    let game_id = world.game("@every 1h", &["Ants", "Bees"]).await;
    let mut controller = world.controller(&LONG);
    world.reaches(game_id, "running").await;
    for addressing in ["ip", "dns"] {
        controller.kill9();
        // The daemon tells nobody: it is seen by a look.
        let often = [("BACKEND_ENGINE_ADDRESSING", addressing), ("BACKEND_RUNTIME_RECONCILE_INTERVAL", "1s")];
        controller = world.controller(&often);
        let former = docker.containers();
        docker.docker(&["network", "disconnect", "--force", &docker.network, &former[0]]);
        eventually(SOON, format!("another one, by {addressing}"), || async {
            let now = docker.containers();
            if now.len() == 1 && now != former { Ok(()) } else { Err(now) }
        })
        .await;
        let written = || async { world.runtime(game_id).await.endpoint.is_some() };
        eventually(SOON, format!("written down, by {addressing}"), written).await;
    }
    controller.kill9();
}

/// R9 of the issue, as it was seen.
#[tokio::test]
async fn an_address_that_another_engine_gets_carries_no_token_and_no_answer_with_it() {
    let docker = DockerWorld::new().await;
    let world = &docker.world;
    let first = world.game("@every 1h", &["Ants"]).await;
    let mut controller = world.controller(&BY_EVENTS_ALONE);
    world.reaches(first, "running").await;
    let address = world.runtime(first).await.endpoint.unwrap();
    // By hand, and nobody looks: no controller is there.
    controller.kill9();
    set(world, first, "UPDATE games SET status = 'paused', pause_reason = 'manual' WHERE game_id = $1").await;
    docker.docker(&["kill", &format!("galaxy-game-{first}")]);
    let second = world.game("@every 1h", &["Bees"]).await;
    let mut barrier = crate::barrier::Barrier::on_jobs(&world.db, "new.kind = 'start' AND new.step = 'health'").await;
    let mut controller = world.controller(&BY_EVENTS_ALONE);
    barrier.reached().await;
    let taken = world.runtime(second).await.endpoint.unwrap();
    assert_eq!(taken, address, "the daemon gives a freed address to the next container");
    assert_eq!(world.runtime(first).await.endpoint, None, "it was forgotten before the other had it");
    barrier.lift("runtime_jobs").await;
    world.reaches(second, "running").await;
    // The first comes back at an address of its own.
    set(world, first, "UPDATE games SET status = 'running', pause_reason = NULL WHERE game_id = $1").await;
    ask(world, first, false).await;
    eventually(SOON, "back", || async { world.runtime(first).await.endpoint.is_some() }).await;
    assert_ne!(world.runtime(first).await.endpoint, world.runtime(second).await.endpoint);
    controller.kill9();
}

/// A container that was restarted by hand has another address; one that the record lost is found again.
#[tokio::test]
async fn a_container_that_moved_or_is_not_recorded_is_adopted() {
    let docker = DockerWorld::new().await;
    let world = &docker.world;
    let game_id = world.game("@every 2s", &["Ants", "Bees"]).await;
    let mut controller = world.controller(&LONG);
    world.reaches_turn(game_id, 1).await;
    let container = docker.containers();
    set(world, game_id, "UPDATE runtime_records SET endpoint = NULL, container_id = NULL WHERE game_id = $1").await;
    let turn = world.turn(game_id).await;
    world.reaches_turn(game_id, turn + 2).await;
    let runtime = world.runtime(game_id).await;
    assert_eq!(runtime.container_id.as_ref(), container.first());
    docker.docker(&["restart", "--time", "1", &container[0]]);
    let turn = world.turn(game_id).await;
    world.reaches_turn(game_id, turn + 2).await;
    assert_eq!(docker.containers(), container, "the same one goes on");
    // Paused, and lost from the record: written down again all the same, for its players read reports.
    set(world, game_id, "UPDATE games SET status = 'paused', pause_reason = 'manual' WHERE game_id = $1").await;
    eventually(SOON, "at rest", || async { world.runtime(game_id).await.next_turn_at.is_none() }).await;
    set(
        world,
        game_id,
        "UPDATE runtime_records SET endpoint = NULL, container_id = NULL, status = 'running' WHERE game_id = $1",
    )
    .await;
    ask(world, game_id, false).await;
    let found = || async { world.runtime(game_id).await.container_id.as_ref() == container.first() };
    eventually(SOON, "written down", found).await;
    controller.kill9();
    each_turn_once(world, game_id).await;
}
