//! The daemon itself ends and comes back, as an upgrade of its host restarts it. It is a daemon of this test's own, and takes every engine
//! with it.

use std::path::{Path, PathBuf};

use shared::ids::GameId;
use testkit::stack::{Docker, instance_of};

use crate::docker_away::{closed, one_container_each};
use crate::docker_world::DockerWorld;
use crate::turns::each_turn_once;

/// A daemon with its data below a directory. What it keeps elsewhere goes with it.
struct Daemon {
    dir: PathBuf,
    docker: Option<Docker>,
}

impl Daemon {
    async fn start(dir: &Path) -> Self {
        let mut daemon = Self { dir: dir.to_owned(), docker: None };
        daemon.comes_back().await;
        daemon
    }

    async fn comes_back(&mut self) {
        let dir = self.dir.clone();
        let docker = tokio::task::spawn_blocking(move || Docker::start_own(&dir)).await.unwrap();
        self.docker = Some(docker.unwrap());
    }

    /// Ends as its service ends it: engines first.
    async fn stops(&mut self) {
        let docker = self.docker.take();
        tokio::task::spawn_blocking(move || drop(docker)).await.unwrap();
    }

    fn run(&self) -> PathBuf {
        Path::new("/run").join(instance_of(&self.dir))
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        drop(self.docker.take());
        let _ = std::fs::remove_dir_all(self.run());
    }
}

/// Eight engines are gone at once: games whose next turn is due see it, the others are looked at when the daemon answers again.
#[tokio::test]
async fn two_restarts_of_the_daemon_pause_no_game_and_cost_no_turn() {
    let root = tempfile::tempdir().unwrap();
    let mut daemon = Daemon::start(root.path()).await;
    let (host, image) = {
        let docker = daemon.docker.as_ref().unwrap();
        (docker.host().to_owned(), docker.prepare("tests").unwrap())
    };
    let mut docker = DockerWorld::on(host, image).await;
    docker.world.image = docker.endless();
    let world = &docker.world;
    let mut controller = world.controller(&[]);
    let (mut busy, mut idle) = (Vec::new(), Vec::new());
    for _ in 0..4 {
        busy.push(world.game("@every 2s", &["Ants", "Bees"]).await);
        idle.push(world.game("@every 1h", &["Ants", "Bees"]).await);
    }
    let all: Vec<GameId> = busy.iter().chain(&idle).copied().collect();
    for game_id in &all {
        world.reaches(*game_id, "running").await;
    }
    for _ in 0..2 {
        for game_id in &busy {
            world.reaches_turn(*game_id, world.turn(*game_id).await + 1).await;
        }
        daemon.stops().await;
        daemon.comes_back().await;
        for game_id in &busy {
            world.reaches_turn(*game_id, world.turn(*game_id).await + 2).await;
        }
        one_container_comes_back_each(&docker, &all).await;
    }
    for game_id in &all {
        assert_eq!(world.status(*game_id).await, "running");
        assert!(world.told(*game_id, "game.paused").await.is_empty());
    }
    controller.kill9();
    for game_id in busy {
        each_turn_once(world, game_id).await;
        let closed = closed(world, game_id);
        assert_eq!(closed, (0..).take(closed.len()).collect::<Vec<i64>>(), "in order, by the engine's own files");
    }
}

/// Each has one container that runs, once all are back.
async fn one_container_comes_back_each(docker: &DockerWorld, games: &[GameId]) {
    let filter = format!("label=galaxy.instance={}", docker.instance);
    testkit::eventually(crate::world::SOON, "every engine runs again", || async {
        let running = docker.docker(&["ps", "--quiet", "--filter", &filter]).lines().count();
        if running == games.len() { Ok(()) } else { Err(running) }
    })
    .await;
    one_container_each(docker, games).await;
}
