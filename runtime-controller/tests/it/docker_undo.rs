//! A patch that is undone in Docker: the state that is put back is the engine's own, for the user that it runs as.

use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::process::Command;

use serde_json::json;
use shared::domain::runtime::JobKind;
use testkit::eventually;

use crate::docker_world::DockerWorld;
use crate::replace::{LONG, goes_on};
use crate::turns::each_turn_once;
use crate::world::SOON;

/// Owner and mode of everything below a directory, by path.
fn owners(dir: &Path) -> Vec<(String, u32, u32)> {
    let listed = Command::new("find").arg(dir).args(["-printf", "%P %U %m\n"]).output().unwrap();
    let mut all: Vec<_> = String::from_utf8(listed.stdout)
        .unwrap()
        .lines()
        .map(|line| {
            let mut words = line.rsplitn(3, ' ');
            let (mode, user) = (words.next().unwrap(), words.next().unwrap());
            (words.next().unwrap().to_owned(), user.parse().unwrap(), mode.parse().unwrap())
        })
        .collect();
    all.sort();
    all
}

#[tokio::test]
async fn a_patch_that_is_undone_in_docker_leaves_the_engine_its_state() {
    let docker = DockerWorld::new().await;
    let world = &docker.world;
    // An image that is fine until it is to start.
    let broken = format!("galaxy-broken:{}", docker.instance);
    let context = tempfile::tempdir().unwrap();
    std::fs::write(context.path().join("Dockerfile"), format!("FROM {}\nENTRYPOINT [\"/nothing\"]\n", world.image))
        .unwrap();
    docker.docker(&["build", "--quiet", "--tag", &broken, context.path().to_str().unwrap()]);
    let game_id = world.game("@every 1s", &["Ants", "Bees"]).await;
    world.version("1.0.1", &broken).await;
    let mut controller = world.controller(&LONG);
    world.reaches_turn(game_id, 1).await;
    let state = world.state_root().join(game_id.to_string());
    let before = std::fs::metadata(&state).unwrap().ino();
    world.enqueue(game_id, JobKind::Patch, json!({ "version": "1.0.1" })).await;
    world.job_ends(game_id, "patch", "failed").await;
    goes_on(world, game_id).await;
    assert_ne!(std::fs::metadata(&state).unwrap().ino(), before, "it was put back");
    for (path, user, mode) in owners(&state) {
        assert_eq!(user, 10_001, "{path} {mode}");
    }
    let copies = world.state_root().join(".snapshots").join(game_id.to_string());
    eventually(SOON, "the copy goes after the next turn", || async { !copies.exists() }).await;
    controller.kill9();
    each_turn_once(world, game_id).await;
    drop(controller);
    for container in docker.containers() {
        docker.docker(&["rm", "--force", &container]);
    }
    docker.docker(&["rmi", "--force", &broken]);
}
