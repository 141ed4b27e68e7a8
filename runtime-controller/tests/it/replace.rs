//! Restart and patch: one engine takes the place of another, and no turn is lost or doubled.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use serde_json::json;
use shared::domain::runtime::JobKind;
use shared::ids::GameId;
use testkit::eventually;
use testkit::process::bin_path;

use crate::barrier::Barrier;
use crate::turns::each_turn_once;
use crate::world::{SOON, World};

pub const LONG: [(&str, &str); 1] = [("GALAXY_TURN_LIMIT", "1000")];

/// A copy of the engine: another image, as far as anybody can tell.
pub fn copy(world: &World, name: &str) -> String {
    let copy = world.root.path().join(name);
    std::fs::copy(bin_path("galaxy-engine"), &copy).unwrap();
    copy.to_str().unwrap().to_owned()
}

/// An engine that is no more than a script.
fn script(world: &World, name: &str, text: &str) -> String {
    let script = world.root.path().join(name);
    std::fs::write(&script, text).unwrap();
    std::fs::set_permissions(&script, std::fs::Permissions::from_mode(0o755)).unwrap();
    script.to_str().unwrap().to_owned()
}

/// The one engine of a game, made from this image.
pub fn one_engine(world: &World, game_id: GameId, image: &str) -> i32 {
    let engines = world.engines(game_id);
    assert_eq!(engines.len(), 1, "one engine: {engines:?}");
    assert_eq!(std::fs::read_link(format!("/proc/{}/exe", engines[0])).unwrap(), Path::new(image));
    engines[0]
}

/// The game went on as if nothing had been.
pub async fn goes_on(world: &World, game_id: GameId) {
    let turn = world.turn(game_id).await;
    world.reaches_turn(game_id, turn + 2).await;
    assert_eq!(world.status(game_id).await, "running");
    assert!(world.told(game_id, "game.paused").await.is_empty());
    // A controller that lost its lease for a moment leaves its games unserved until its next look.
    eventually(SOON, "a healthy engine", || async {
        let health = world.runtime(game_id).await.health;
        if health.as_str() == "healthy" { Ok(()) } else { Err(health) }
    })
    .await;
}

#[tokio::test]
async fn an_engine_is_restarted_and_patched_between_two_turns() {
    let mut world = World::with_processes().await;
    world.image = copy(&world, "engine-0");
    let patched = copy(&world, "engine-1");
    let game_id = world.game("@every 1s", &["Ants", "Bees"]).await;
    world.version("1.0.1", &patched).await;
    let mut controller = world.controller(&LONG);
    world.reaches_turn(game_id, 1).await;

    let first = one_engine(&world, game_id, &world.image);
    world.enqueue(game_id, JobKind::Restart, json!({})).await;
    world.job_ends(game_id, "restart", "succeeded").await;
    assert_ne!(one_engine(&world, game_id, &world.image), first);
    goes_on(&world, game_id).await;

    world.enqueue(game_id, JobKind::Patch, json!({ "version": "1.0.1" })).await;
    world.job_ends(game_id, "patch", "succeeded").await;
    one_engine(&world, game_id, &patched);
    let runtime = world.runtime(game_id).await;
    assert_eq!((runtime.engine_version.as_str(), &runtime.image), ("1.0.1", &patched));
    let target = world.text("SELECT target_engine_version FROM games WHERE game_id = $1", game_id).await;
    assert_eq!(target, "1.0.1", "a later start takes it too");
    goes_on(&world, game_id).await;
    controller.kill9();
    each_turn_once(&world, game_id).await;
}

#[tokio::test]
async fn every_container_has_a_token_of_its_own() {
    let mut world = World::with_processes().await;
    world.image = copy(&world, "engine-0");
    let patched = copy(&world, "engine-1");
    let game_id = world.game("@every 1s", &["Ants", "Bees"]).await;
    world.version("1.0.1", &patched).await;
    let _controller = world.controller(&LONG);
    world.reaches_turn(game_id, 1).await;

    let mut tokens = vec![token_of(one_engine(&world, game_id, &world.image))];
    world.enqueue(game_id, JobKind::Restart, json!({})).await;
    world.job_ends(game_id, "restart", "succeeded").await;
    tokens.push(token_of(one_engine(&world, game_id, &world.image)));
    world.enqueue(game_id, JobKind::Patch, json!({ "version": "1.0.1" })).await;
    world.job_ends(game_id, "patch", "succeeded").await;
    tokens.push(token_of(one_engine(&world, game_id, &patched)));

    let recorded = world.text("SELECT engine_token FROM runtime_records WHERE game_id = $1", game_id).await;
    assert_eq!(tokens.last(), Some(&recorded), "what the API presents is what the engine was given last");
    tokens.sort();
    tokens.dedup();
    assert_eq!(tokens.len(), 3, "no token is used again");
    goes_on(&world, game_id).await;
}

/// A release that failed knows its token, and nothing tells whom it has told it.
#[tokio::test]
async fn an_engine_that_is_put_back_has_not_the_token_of_the_release_that_failed() {
    let mut world = World::with_processes().await;
    world.image = copy(&world, "engine-0");
    let told = world.root.path().join("tokens");
    let text = format!("#!/bin/sh\necho \"$GALAXY_ENGINE_TOKEN\" >> {}\nexit 3\n", told.display());
    let broken = script(&world, "engine-1", &text);
    let game_id = world.game("@every 1s", &["Ants", "Bees"]).await;
    world.version("1.0.1", &broken).await;
    let _controller = world.controller(&LONG);
    world.reaches_turn(game_id, 1).await;
    let former = token_of(one_engine(&world, game_id, &world.image));
    world.enqueue(game_id, JobKind::Patch, json!({ "version": "1.0.1" })).await;
    world.job_ends(game_id, "patch", "failed").await;

    let token = token_of(one_engine(&world, game_id, &world.image));
    let told = std::fs::read_to_string(told).unwrap();
    assert!(!told.is_empty() && !told.lines().any(|line| line == token), "the former engine has the release's token");
    assert_ne!(token, former);
    assert_eq!(token, world.text("SELECT engine_token FROM runtime_records WHERE game_id = $1", game_id).await);
    goes_on(&world, game_id).await;
}

#[tokio::test]
async fn a_container_that_goes_between_two_attempts_of_a_start_takes_its_token_along() {
    let mut world = World::with_processes().await;
    let (sound, told) = (world.root.path().join("sound"), world.root.path().join("tokens"));
    let text = format!(
        "#!/bin/sh\n[ -e {} ] && exec {}\necho \"$GALAXY_ENGINE_TOKEN\" >> {}\nexit 3\n",
        sound.display(),
        std::path::absolute(bin_path("galaxy-engine")).unwrap().display(),
        told.display()
    );
    world.image = script(&world, "engine", &text);
    let mut barrier = Barrier::on_jobs(&world.db, "new.status = 'retrying'").await;
    let game_id = world.game("@every 1h", &["Ants", "Bees"]).await;
    let _controller = world.controller(&LONG);
    barrier.reached().await;
    // Somebody takes it away; what the process driver has of a container is this file.
    std::fs::write(&sound, "").unwrap();
    let container = world.state_root().join(".process").join(game_id.to_string()).join("engine.json");
    std::fs::remove_file(container).unwrap();
    barrier.open().await;
    world.reaches(game_id, "running").await;
    let token = token_of(world.engines(game_id)[0]);
    let told = std::fs::read_to_string(told).unwrap();
    assert!(!told.is_empty() && !told.lines().any(|line| line == token), "its token is used again");
    assert_eq!(token, world.text("SELECT engine_token FROM runtime_records WHERE game_id = $1", game_id).await);
}

/// The token that an engine was given.
fn token_of(pid: i32) -> String {
    let environment = std::fs::read_to_string(format!("/proc/{pid}/environ")).unwrap();
    let token = environment.split('\0').find_map(|pair| pair.strip_prefix("GALAXY_ENGINE_TOKEN="));
    token.expect("an engine has a token").to_owned()
}

#[tokio::test]
async fn no_turn_is_generated_while_the_engine_is_being_replaced() {
    let world = World::with_processes().await;
    let game_id = world.game("@every 1s", &["Ants", "Bees"]).await;
    let mut controller = world.controller(&LONG);
    world.reaches_turn(game_id, 1).await;
    let mut barrier = Barrier::on_jobs(&world.db, "new.step = 'verify'").await;
    world.enqueue(game_id, JobKind::Restart, json!({})).await;
    barrier.reached().await;
    let turn = world.turn(game_id).await;
    eventually(SOON, "the turn that is due waits", || async {
        world.text("SELECT last_error FROM runtime_turns WHERE game_id = $1", game_id).await
            == "the engine is being replaced"
    })
    .await;
    let runtime = world.runtime(game_id).await;
    assert_eq!(runtime.status.as_str(), "starting", "which tells the API to pass nothing on");
    assert_eq!((world.turn(game_id).await, world.status(game_id).await.as_str()), (turn, "running"));
    barrier.lift("runtime_jobs").await;
    world.job_ends(game_id, "restart", "succeeded").await;
    goes_on(&world, game_id).await;
    controller.kill9();
    each_turn_once(&world, game_id).await;
}

#[tokio::test]
async fn a_patch_that_does_not_come_up_goes_back() {
    let mut world = World::with_processes().await;
    world.image = copy(&world, "engine-0");
    let broken = script(&world, "engine-1", "#!/bin/sh\necho no such luck\nexit 3\n");
    let game_id = world.game("@every 1s", &["Ants", "Bees"]).await;
    world.version("1.0.1", &broken).await;
    let mut controller = world.controller(&LONG);
    world.reaches_turn(game_id, 1).await;
    world.enqueue(game_id, JobKind::Patch, json!({ "version": "1.0.1" })).await;
    let error = world.job_ends(game_id, "patch", "failed").await;
    assert!(error.contains("no such luck"), "{error}");
    one_engine(&world, game_id, &world.image);
    goes_on(&world, game_id).await;
    assert_eq!(world.told(game_id, "runtime.container_start_failed").await.len(), 1);
    let runtime = world.runtime(game_id).await;
    assert_eq!((runtime.engine_version, &runtime.image), (format!("1.0.0-{game_id}"), &world.image));
    let target = world.text("SELECT target_engine_version FROM games WHERE game_id = $1", game_id).await;
    assert_eq!(target, format!("1.0.0-{game_id}"));
    let logged =
        world.text("SELECT outcome FROM runtime_operations WHERE game_id = $1 AND op = 'patch'", game_id).await;
    assert_eq!(logged, "container_start_failed");
    controller.kill9();
    each_turn_once(&world, game_id).await;
}

#[tokio::test]
async fn an_image_that_cannot_be_had_leaves_the_engine_alone() {
    let world = World::with_processes().await;
    let game_id = world.game("@every 1s", &["Ants", "Bees"]).await;
    world.version("1.0.1", "/nowhere/galaxy-engine").await;
    let mut controller = world.controller(&LONG);
    world.reaches_turn(game_id, 1).await;
    let engines = world.engines(game_id);
    world.enqueue(game_id, JobKind::Patch, json!({ "version": "1.0.1" })).await;
    world.job_ends(game_id, "patch", "failed").await;
    assert_eq!(world.told(game_id, "runtime.image_pull_failed").await.len(), 1);
    assert_eq!(world.engines(game_id), engines);
    goes_on(&world, game_id).await;
    controller.kill9();
    each_turn_once(&world, game_id).await;
}

#[tokio::test]
async fn a_restart_that_does_not_come_up_pauses_the_game_until_a_start_brings_it_back() {
    let mut world = World::with_processes().await;
    let engine = bin_path("galaxy-engine");
    let engine = std::path::absolute(engine).unwrap();
    let gone = world.root.path().join("gone");
    let text = format!("#!/bin/sh\n[ -e {} ] && exit 3\nexec {}\n", gone.display(), engine.display());
    world.image = script(&world, "engine", &text);
    let game_id = world.game("@every 1s", &["Ants", "Bees"]).await;
    let mut controller = world.controller(&LONG);
    world.reaches_turn(game_id, 1).await;
    std::fs::write(&gone, "").unwrap();
    world.enqueue(game_id, JobKind::Restart, json!({})).await;
    world.job_ends(game_id, "restart", "failed").await;
    assert_eq!(world.status(game_id).await, "paused");
    let turn = world.turn(game_id).await;
    assert_eq!(world.told(game_id, "game.paused").await, [format!("paused:{game_id}:{turn}")]);
    assert_eq!(world.told(game_id, "runtime.container_start_failed").await.len(), 1);
    assert_eq!(world.text("SELECT pause_reason FROM games WHERE game_id = $1", game_id).await, "engine_unreachable");
    assert!(world.engines(game_id).is_empty());
    let runtime = world.runtime(game_id).await;
    assert_eq!((runtime.status.as_str(), runtime.endpoint), ("removed", None));
    // A turn that came due meanwhile was waiting for the replacement: its own look puts the timer to rest.
    testkit::eventually(crate::world::SOON, "the timer rests", || async {
        world.runtime(game_id).await.next_turn_at.is_none()
    })
    .await;

    std::fs::remove_file(&gone).unwrap();
    world.force_start(game_id).await;
    world.reaches_turn(game_id, turn + 1).await;
    assert_eq!(world.told(game_id, "game.resumed").await.len(), 1);
    controller.kill9();
    each_turn_once(&world, game_id).await;
}

#[tokio::test]
async fn a_paused_game_stays_paused_with_its_new_engine() {
    let world = World::with_processes().await;
    let game_id = world.game("@every 1h", &["Ants", "Bees"]).await;
    let mut controller = world.controller(&LONG);
    world.reaches(game_id, "running").await;
    let before = world.engines(game_id);
    sqlx::query("UPDATE games SET status = 'paused', pause_reason = 'manual' WHERE game_id = $1")
        .bind(game_id.uuid())
        .execute(&world.pool())
        .await
        .unwrap();
    world.enqueue(game_id, JobKind::Restart, json!({})).await;
    world.job_ends(game_id, "restart", "succeeded").await;
    assert_ne!(world.engines(game_id), before);
    assert_eq!(world.status(game_id).await, "paused");
    let runtime = world.runtime(game_id).await;
    assert_eq!((runtime.status.as_str(), runtime.health.as_str()), ("running", "healthy"));
    assert!(runtime.endpoint.is_some(), "so that a resume finds it");
    controller.kill9();
}

#[tokio::test]
async fn a_state_that_is_lost_is_not_begun_anew() {
    let world = World::with_processes().await;
    let game_id = world.game("@every 1s", &["Ants", "Bees"]).await;
    let mut controller = world.controller(&LONG);
    world.reaches_turn(game_id, 1).await;
    world.end_game(game_id, "paused").await;
    eventually(SOON, "stopped", || async { world.runtime(game_id).await.status.as_str() == "stopped" }).await;
    std::fs::remove_dir_all(world.state_root().join(game_id.to_string())).unwrap();
    world.force_start(game_id).await;
    world.reaches(game_id, "start_failed").await;
    assert_eq!(world.told(game_id, "runtime.start_config_invalid").await.len(), 1);
    let error = world.last_error(game_id).await;
    assert!(error.contains("no game any more"), "{error}");
    assert!(world.engines(game_id).is_empty());
    controller.kill9();
}
