//! The docker driver on a real daemon, with the reference engine's image.

use futures::future::join_all;
use serde_json::{Value, json};
use shared::domain::runtime::JobKind;
use testkit::eventually;

use crate::barrier::Barrier;
use crate::crash::started_once;
use crate::docker_world::DockerWorld;
use crate::turns::each_turn_once;
use crate::world::SOON;

#[tokio::test]
async fn a_game_runs_in_a_hardened_container_until_it_is_stopped() {
    let docker = DockerWorld::new().await;
    let world = &docker.world;
    let game_id = world.game("@every 1s", &["Ants", "Bees"]).await;
    let mut controller = world.controller(&[("BACKEND_RUNTIME_CONTAINER_LOG_OPTS", "max-size=1m,max-file=2")]);
    world.reaches_turn(game_id, 1).await;

    let container = docker.inspect(&format!("galaxy-game-{game_id}"));
    let labels = &container["Config"]["Labels"];
    assert_eq!(labels["galaxy.backend"], "1");
    assert_eq!(labels["galaxy.instance"], docker.instance.as_str());
    assert_eq!(labels["galaxy.game_id"], game_id.to_string());
    assert_eq!(container["Config"]["User"], "10001:10001");
    let limits = &container["HostConfig"];
    assert_eq!(limits["ReadonlyRootfs"], true);
    assert_eq!(limits["Privileged"], false);
    assert_eq!(limits["CapDrop"], json!(["ALL"]));
    assert_eq!(limits["CapAdd"], Value::Null);
    assert_eq!(limits["SecurityOpt"], json!(["no-new-privileges:true"]), "seccomp is the daemon's default profile");
    assert_eq!(limits["PidsLimit"], 256);
    assert_eq!(limits["Memory"], 512 << 20);
    assert_eq!(limits["MemorySwap"], 512 << 20);
    assert_eq!((&limits["CpuQuota"], &limits["CpuPeriod"]), (&json!(200_000), &json!(100_000)));
    assert_eq!(limits["LogConfig"], json!({ "Type": "json-file", "Config": { "max-size": "1m", "max-file": "2" } }));
    assert_eq!(limits["NetworkMode"], docker.network.as_str());
    assert_eq!(limits["PortBindings"].as_object().map_or(0, serde_json::Map::len), 0);
    assert_eq!(limits["PublishAllPorts"], false);
    assert_eq!(limits["Binds"], Value::Null);
    let tmp = limits["Tmpfs"].as_object().unwrap();
    assert_eq!(tmp.keys().collect::<Vec<_>>(), ["/tmp"]);
    let mounts = container["Mounts"].as_array().unwrap();
    assert_eq!(mounts.len(), 1, "{mounts:?}");
    let state_dir = world.state_root().join(game_id.to_string());
    assert_eq!(mounts[0]["Source"], state_dir.to_str().unwrap());
    assert_eq!(mounts[0]["Destination"], "/var/lib/galaxy-game");
    let env = container["Config"]["Env"].to_string();
    for name in ["GALAXY_GAME_ID", "GALAXY_STATE_DIR", "GALAXY_ENGINE_TOKEN"] {
        assert!(env.contains(name), "{env}");
    }
    assert_eq!(std::os::unix::fs::MetadataExt::uid(&std::fs::metadata(&state_dir).unwrap()), 10_001);
    let runtime = world.runtime(game_id).await;
    assert_eq!(runtime.container_id.as_deref(), container["Id"].as_str());
    assert!(runtime.image_digest.is_some());
    assert!(runtime.daemon_id.starts_with("docker:"));

    // kill -9 of the engine: back on the kept state.
    docker.docker(&["kill", "--signal", "KILL", &format!("galaxy-game-{game_id}")]);
    let turn = world.turn(game_id).await;
    world.reaches_turn(game_id, turn + 2).await;
    // The whole container gone: the same.
    docker.docker(&["rm", "--force", &format!("galaxy-game-{game_id}")]);
    let turn = world.turn(game_id).await;
    world.reaches_turn(game_id, turn + 2).await;

    // Force-stop, then force-start with other limits: another container, the same game.
    let before = docker.containers();
    world.end_game(game_id, "paused").await;
    eventually(SOON, "no container", || async { docker.containers().is_empty() }).await;
    eventually(SOON, "stopped", || async { world.runtime(game_id).await.status.as_str() == "stopped" }).await;
    assert!(state_dir.read_dir().unwrap().next().is_some(), "its state is kept");
    let turn = world.turn(game_id).await;
    world.force_start(game_id).await;
    world.reaches_turn(game_id, turn + 1).await;
    assert_eq!(docker.containers().len(), 1);
    assert_ne!(docker.containers(), before);
    controller.kill9();
    each_turn_once(world, game_id).await;
}

#[tokio::test]
async fn a_start_in_docker_survives_a_kill_at_each_step() {
    let moments = [
        ("pull", "new.step = 'pull'"),
        ("create", "new.step = 'create'"),
        ("start", "new.step = 'start'"),
        ("health", "new.step = 'health'"),
        ("init", "new.step = 'init'"),
        ("finish", "new.status = 'succeeded'"),
    ];
    // Each in a world of its own, all at once: each waits for the lease of a dead controller.
    join_all(moments.map(async |(moment, condition)| {
        let docker = DockerWorld::new().await;
        let world = &docker.world;
        let mut barrier = Barrier::on_jobs(&world.db, condition).await;
        let game_id = world.game("@every 1h", &["Ants", "Bees"]).await;
        let mut first = world.controller(&[]);
        barrier.reached().await;
        let before = docker.containers();
        first.kill9();
        barrier.lift("runtime_jobs").await;
        let mut second = world.controller(&[]);
        started_once(world, game_id).await;
        let after = docker.containers();
        assert_eq!(after.len(), 1, "{moment}");
        if !before.is_empty() {
            assert_eq!(after, before, "{moment}: the first attempt's container is adopted");
        }
        second.kill9();
    }))
    .await;
}

#[tokio::test]
async fn failures_of_a_start_are_told_apart() {
    let mut docker = DockerWorld::new().await;
    let right = docker.world.image.clone();

    // No such image, and no registry where it is said to be.
    docker.world.image = "127.0.0.1:1/nobody/galaxy-engine:9".to_owned();
    let unpullable = docker.world.game("@every 1h", &["Ants"]).await;
    docker.world.image = right;
    let mut controller = docker.world.controller(&[]);
    docker.world.reaches(unpullable, "start_failed").await;
    assert_eq!(docker.world.told(unpullable, "runtime.image_pull_failed").await.len(), 1);
    controller.kill9();

    // The container's name is taken by somebody else, who is left alone.
    let taken = docker.world.game_without_job("@every 1h", &["Ants"]).await;
    let name = format!("galaxy-game-{taken}");
    docker.docker(&["create", "--name", &name, "--network", &docker.network, &docker.world.image]);
    docker.world.enqueue(taken, JobKind::Start, json!({})).await;
    let mut controller = docker.world.controller(&[]);
    docker.world.reaches(taken, "start_failed").await;
    assert_eq!(docker.world.told(taken, "runtime.start_config_invalid").await.len(), 1);
    assert_eq!(docker.inspect(&name)["State"]["Status"], "created", "it is still there, as it was");
    docker.docker(&["rm", &name]);
    controller.kill9();

    // There is no such network.
    let nowhere = docker.world.game("@every 1h", &["Ants"]).await;
    let mut controller = docker.world.controller(&[("BACKEND_DOCKER_NETWORK", "no-such-network")]);
    docker.world.reaches(nowhere, "start_failed").await;
    assert_eq!(docker.world.told(nowhere, "runtime.start_config_invalid").await.len(), 1);
    controller.kill9();
    assert!(docker.containers().is_empty(), "nothing is left behind");
}

#[tokio::test]
async fn a_daemon_that_is_away_is_waited_for() {
    let docker = DockerWorld::new().await;
    let world = &docker.world;
    let game_id = world.game("@every 1h", &["Ants"]).await;
    let link = world.root.path().join("docker.sock");
    let host = format!("unix://{}", link.display());
    let mut controller = world.controller(&[("BACKEND_DOCKER_HOST", &host)]);
    controller.wait_for_line(|line| line.contains("does not answer yet"), SOON).await;
    assert_eq!(world.text("SELECT status FROM runtime_jobs WHERE game_id = $1", game_id).await, "pending");
    let real = std::env::var("GALAXY_TEST_DOCKER_HOST").unwrap();
    std::os::unix::fs::symlink(real.strip_prefix("unix://").unwrap(), &link).unwrap();
    world.reaches(game_id, "running").await;
    controller.kill9();
}

#[tokio::test]
async fn an_engine_in_docker_is_restarted_and_patched_on_its_state() {
    let docker = DockerWorld::new().await;
    let world = &docker.world;
    let patched = format!("{}-{}", world.image, docker.instance);
    docker.docker(&["tag", &world.image, &patched]);
    let game_id = world.game("@every 1s", &["Ants", "Bees"]).await;
    world.version("1.0.1", &patched).await;
    let long = [("GALAXY_TURN_LIMIT", "1000")];
    let mut controller = world.controller(&long);
    world.reaches_turn(game_id, 1).await;
    let first = docker.containers();
    world.enqueue(game_id, JobKind::Restart, json!({})).await;
    world.job_ends(game_id, "restart", "succeeded").await;
    let second = docker.containers();
    assert_eq!(second.len(), 1);
    assert_ne!(first, second);

    // A container that is taken away comes back as another one, with a token that no container had.
    let token = || world.text("SELECT engine_token FROM runtime_records WHERE game_id = $1", game_id);
    let (former, turn) = (token().await, world.turn(game_id).await);
    docker.docker(&["rm", "--force", &second[0]]);
    world.reaches_turn(game_id, turn + 2).await;
    assert_ne!(token().await, former);
    let second = docker.containers();
    controller.kill9();

    // The patch by many controllers: each is killed at a step, and the next goes on.
    let mut container = second;
    for (moment, replaced) in [("remove", false), ("create", true), ("health", true)] {
        let condition = format!("new.kind = 'patch' AND new.step = '{moment}'");
        let mut barrier = Barrier::on_jobs(&world.db, &condition).await;
        if moment == "remove" {
            world.enqueue(game_id, JobKind::Patch, json!({ "version": "1.0.1" })).await;
        }
        let mut controller = world.controller(&long);
        barrier.reached().await;
        let now = docker.containers();
        assert!(now.len() <= 1, "{moment}: {now:?}");
        assert_eq!(now == container, !replaced, "{moment}");
        container = now;
        controller.kill9();
        barrier.lift("runtime_jobs").await;
    }
    let mut controller = world.controller(&long);
    world.job_ends(game_id, "patch", "succeeded").await;
    assert_eq!(docker.containers(), container, "the container that was made before the last kill is kept");
    let runtime = world.runtime(game_id).await;
    assert_eq!((runtime.engine_version.as_str(), runtime.image.as_str()), ("1.0.1", patched.as_str()));
    assert!(runtime.image_digest.is_some());
    assert_eq!(runtime.container_id.as_deref(), Some(container[0].as_str()));
    let turn = world.turn(game_id).await;
    world.reaches_turn(game_id, turn + 2).await;
    controller.kill9();
    each_turn_once(world, game_id).await;
    assert!(world.told(game_id, "game.paused").await.is_empty());
    docker.docker(&["rm", "--force", &container[0]]);
    docker.docker(&["rmi", &patched]);
}
