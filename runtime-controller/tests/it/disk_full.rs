//! A full disk under the engines' states: a small file system of its own. What cannot be written is not done, and says so in the engine's
//! own words; no turn is lost by it or done twice.

use std::fs::File;
use std::io::{ErrorKind, Write as _};
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::json;
use shared::db::runtime::start_turns;
use shared::domain::runtime::JobKind;
use shared::ids::GameId;
use testkit::eventually;

use crate::docker_away::{closed, one_container_each};
use crate::docker_world::DockerWorld;
use crate::turns::each_turn_once;
use crate::world::{SOON, World};

const NO_SPACE: &str = "No space left on device";

/// A file system in memory, with a bound. Gone when dropped.
struct Disk {
    at: PathBuf,
}

fn as_root(program: &str, args: &[&str]) -> bool {
    let sudo = !nix::unistd::Uid::effective().is_root();
    let mut command = Command::new(if sudo { "sudo" } else { program });
    if sudo {
        command.args(["--non-interactive", program]);
    }
    command.args(args).status().is_ok_and(|status| status.success())
}

impl Disk {
    fn mount(at: &Path, size: &str) -> Self {
        std::fs::create_dir_all(at).unwrap();
        let options = format!("size={size},mode=0700,uid={}", nix::unistd::Uid::effective());
        let mounted = as_root("mount", &["-t", "tmpfs", "-o", &options, "galaxy-test", at.to_str().unwrap()]);
        assert!(mounted, "a small file system is mounted: this needs root or password-less sudo");
        Self { at: at.to_owned() }
    }

    /// Somebody takes all that is left.
    fn fill(&self) {
        let mut file = File::create(self.at.join("filler")).unwrap();
        for block in [1 << 20, 4 << 10, 1] {
            loop {
                match file.write_all(&vec![1; block]) {
                    Ok(()) => {}
                    Err(error) if error.kind() == ErrorKind::StorageFull => break,
                    Err(error) => panic!("{error}"),
                }
            }
        }
    }

    /// Somebody makes room.
    fn make_room(&self) {
        std::fs::remove_file(self.at.join("filler")).unwrap();
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        // Containers may still hold it: it goes with the last of them.
        as_root("umount", &["--lazy", self.at.to_str().unwrap()]);
    }
}

/// What the API does for resume, with a turn that is due at once.
async fn resume(world: &World, game_id: GameId) {
    let daemon = world.runtime(game_id).await.daemon_id;
    let mut tx = world.pool().begin().await.unwrap();
    sqlx::query("UPDATE games SET status = 'running', pause_reason = NULL WHERE game_id = $1")
        .bind(game_id.uuid())
        .execute(&mut *tx)
        .await
        .unwrap();
    let now = sqlx::query_scalar("SELECT clock_timestamp()").fetch_one(&mut *tx).await.unwrap();
    start_turns(&mut tx, game_id, &daemon, now).await.unwrap();
    tx.commit().await.unwrap();
}

/// Paused after its attempts, and everybody told once, with what the engine said.
async fn paused_for_its_disk(world: &World, game_id: GameId) {
    world.reaches(game_id, "paused").await;
    let reason = world.text("SELECT pause_reason FROM games WHERE game_id = $1", game_id).await;
    assert_eq!(reason, "generation_failed");
    let turn = world.turn(game_id).await;
    assert_eq!(world.told(game_id, "game.paused").await, [format!("paused:{game_id}:{turn}")]);
    assert_eq!(world.told(game_id, "game.generation.failed").await.len(), 1);
    let sql = "SELECT payload ->> 'reason' FROM notifications WHERE kind = 'game.generation.failed' AND game_id = $1";
    let told = world.text(sql, game_id).await;
    assert!(told.contains("500 internal_error") && told.contains(NO_SPACE), "{told}");
    let sql = "SELECT concat_ws(' ', failures, last_error) FROM runtime_turns WHERE game_id = $1";
    let error = world.text(sql, game_id).await;
    assert!(error.starts_with("5 ") && error.contains(NO_SPACE), "{error}");
    let sql =
        "SELECT count(*) FROM runtime_operations WHERE game_id = $1 AND op = 'turn' AND outcome = 'generation_failed'";
    assert_eq!(world.number(sql, game_id).await, 1);
    let runtime = world.runtime(game_id).await;
    assert_eq!((runtime.status.as_str(), runtime.next_turn_at), ("generation_failed", None));
}

/// It goes on from the turn at which it stood, and every turn was generated once.
async fn goes_on(world: &World, game_id: GameId) {
    let turn = world.turn(game_id).await;
    resume(world, game_id).await;
    world.reaches_turn(game_id, turn + 2).await;
}

async fn in_order(world: &World, game_id: GameId) {
    each_turn_once(world, game_id).await;
    let closed = closed(world, game_id);
    assert_eq!(closed, (0..).take(closed.len()).collect::<Vec<i64>>(), "by the engine's own files");
}

#[tokio::test]
async fn an_engine_whose_disk_is_full_pauses_its_game_and_no_other_and_goes_on_when_there_is_room() {
    let mut docker = DockerWorld::new().await;
    docker.world.image = docker.endless();
    let world = &docker.world;
    let game_id = world.game_without_job("@every 1s", &["Ants", "Bees"]).await;
    let disk = Disk::mount(&world.state_dir(game_id), "2m");
    world.enqueue(game_id, JobKind::Start, json!({})).await;
    let neighbour = world.game("@every 1s", &["Ants", "Bees"]).await;
    let mut controller = world.controller(&[]);
    for game_id in [game_id, neighbour] {
        world.reaches_turn(game_id, 2).await;
    }

    disk.fill();
    paused_for_its_disk(world, game_id).await;
    let turn = world.turn(neighbour).await;
    world.reaches_turn(neighbour, turn + 3).await;
    assert_eq!(world.status(neighbour).await, "running");
    assert!(world.told(neighbour, "game.paused").await.is_empty());
    one_container_each(&docker, &[game_id, neighbour]).await;

    disk.make_room();
    goes_on(world, game_id).await;
    controller.kill9();
    for game_id in [game_id, neighbour] {
        in_order(world, game_id).await;
    }
}

#[tokio::test]
async fn a_full_disk_under_all_states_pauses_all_fails_what_starts_and_is_over_when_there_is_room() {
    let mut docker = DockerWorld::new().await;
    docker.world.image = docker.endless();
    let world = &docker.world;
    // As much as the copy before a patch wants to see free, and some more.
    let disk = Disk::mount(&world.state_root(), "80m");
    let patched = format!("{}-{}", world.image, docker.instance);
    docker.docker(&["tag", &world.image, &patched]);
    docker.own(&patched);
    world.version("1.0.1", &patched).await;
    let games = [world.game("@every 1s", &["Ants", "Bees"]).await, world.game("@every 1s", &["Cats", "Dogs"]).await];
    let mut controller = world.controller(&[]);
    for game_id in games {
        world.reaches_turn(game_id, 2).await;
    }

    disk.fill();
    let late = world.game("@every 1h", &["Emus"]).await;
    for game_id in games {
        paused_for_its_disk(world, game_id).await;
    }
    world.reaches(late, "start_failed").await;
    let error = world.last_error(late).await;
    assert!(error.contains(NO_SPACE), "{error}");
    assert_eq!(world.told(late, "runtime.container_start_failed").await.len(), 1);
    // A patch that could not be undone does not touch the engine.
    let [first, _] = games;
    let before = world.runtime(first).await;
    world.enqueue(first, JobKind::Patch, json!({ "version": "1.0.1" })).await;
    let error = world.job_ends(first, "patch", "failed").await;
    assert!(error.contains("MiB"), "{error}");
    let after = world.runtime(first).await;
    assert_eq!((after.container_id, after.engine_version), (before.container_id, before.engine_version));
    eventually(SOON, "the failed start has left nothing", || async { docker.containers().len() == 2 }).await;
    one_container_each(&docker, &games).await;

    disk.make_room();
    world.force_start(late).await;
    world.reaches(late, "running").await;
    world.enqueue(first, JobKind::Patch, json!({ "version": "1.0.1" })).await;
    world.job_ends(first, "patch", "succeeded").await;
    for game_id in games {
        goes_on(world, game_id).await;
    }
    one_container_each(&docker, &[games[0], games[1], late]).await;
    controller.kill9();
    for game_id in games {
        in_order(world, game_id).await;
    }
}
