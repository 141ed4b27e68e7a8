//! What cannot be done is told apart, and told.

use serde_json::json;
use shared::domain::runtime::JobKind;
use shared::ids::GameId;
use testkit::eventually;
use testkit::process::bin_path;
use testkit::scripted::{Call, Die, Rule, Script};

use crate::reconcile::{operation, set};
use crate::world::{SOON, World};

#[tokio::test]
async fn a_missing_image_fails_the_start_and_a_retry_with_the_right_one_succeeds() {
    let mut world = World::with_processes().await;
    let right = std::mem::replace(&mut world.image, "/nowhere/galaxy-engine".to_owned());
    let game_id = world.game("@every 1h", &["Ants", "Bees"]).await;
    let mut controller = world.controller(&[]);
    world.reaches(game_id, "start_failed").await;
    assert_eq!(world.told(game_id, "runtime.image_pull_failed").await.len(), 1);
    assert!(world.told(game_id, "game.started").await.is_empty());
    assert_eq!(
        world.text("SELECT outcome FROM runtime_operations WHERE game_id = $1", game_id).await,
        "image_pull_failed"
    );

    sqlx::query("UPDATE engine_versions SET image = $1").bind(&right).execute(&world.pool()).await.unwrap();
    start_again(&world, game_id).await;
    world.reaches(game_id, "running").await;
    controller.kill9();
}

/// An owner may start again as often as they like what cannot start.
#[tokio::test]
async fn a_game_that_fails_again_and_again_is_mailed_of_once_in_a_quarter_of_an_hour() {
    let mut world = World::with_processes().await;
    world.image = "/nowhere/galaxy-engine".to_owned();
    let game_id = world.game("@every 1h", &["Ants", "Bees"]).await;
    let mut controller = world.controller(&[]);
    world.reaches(game_id, "start_failed").await;
    for _ in 0..3 {
        start_again(&world, game_id).await;
        world.reaches(game_id, "start_failed").await;
    }
    // Two where a quarter of an hour ended in between.
    let mailed = world.told(game_id, "runtime.image_pull_failed").await;
    assert!((1..=2).contains(&mailed.len()), "{mailed:?}");
    assert!(mailed.iter().all(|key| key.starts_with(&format!("{game_id}:"))), "{mailed:?}");
    // The owner hears of each, and is mailed as seldom.
    assert_eq!(world.told(game_id, "game.start_failed").await.len(), 4);
    let by_mail =
        "SELECT count(*) FROM notifications WHERE game_id = $1 AND kind = 'game.start_failed' AND unmailed IS NULL";
    assert_eq!(world.number(by_mail, game_id).await, i64::try_from(mailed.len()).unwrap());
    let refused = "SELECT count(*) FROM runtime_operations WHERE game_id = $1 AND outcome = 'image_pull_failed'";
    assert!(world.number(refused, game_id).await >= 4, "the operations log has every one");
    controller.kill9();
}

#[tokio::test]
async fn an_engine_that_ends_at_once_fails_the_start_with_its_last_words() {
    let mut world = World::with_processes().await;
    let script = world.root.path().join("broken-engine");
    std::fs::write(&script, "#!/bin/sh\necho no such luck\nexit 3\n").unwrap();
    std::fs::set_permissions(&script, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    world.image = script.to_str().unwrap().to_owned();
    let game_id = world.game("@every 1h", &["Ants", "Bees"]).await;
    let mut controller = world.controller(&[]);
    world.reaches(game_id, "start_failed").await;
    assert_eq!(world.told(game_id, "runtime.container_start_failed").await.len(), 1);
    let error = world.text("SELECT last_error FROM runtime_jobs WHERE game_id = $1", game_id).await;
    assert!(error.contains("no such luck"), "{error}");
    assert_eq!(world.runtime(game_id).await.status.as_str(), "removed");
    controller.kill9();
}

#[tokio::test]
async fn a_set_up_that_the_engine_refuses_is_a_matter_of_configuration() {
    let world = World::with_processes().await;
    // The engine wants at least one race.
    let game_id = world.game("@every 1h", &[]).await;
    let mut controller = world.controller(&[]);
    world.reaches(game_id, "start_failed").await;
    assert_eq!(world.told(game_id, "runtime.start_config_invalid").await.len(), 1);
    eventually(SOON, "nothing is left running", || async { world.engines(game_id).is_empty() }).await;
    controller.kill9();
}

#[tokio::test]
async fn an_engine_that_cannot_be_brought_back_pauses_its_game() {
    let mut world = World::with_processes().await;
    let copy = world.root.path().join("engine");
    std::fs::copy(bin_path("galaxy-engine"), &copy).unwrap();
    world.image = copy.to_str().unwrap().to_owned();
    let game_id = world.game("@every 1s", &["Ants", "Bees"]).await;
    let mut controller = world.controller(&[("GALAXY_TURN_LIMIT", "1000")]);
    world.reaches_turn(game_id, 1).await;
    std::fs::remove_file(&copy).unwrap();
    world.kill_engine(game_id);
    world.reaches(game_id, "paused").await;
    let turn = world.turn(game_id).await;
    assert_eq!(world.told(game_id, "game.paused").await, [format!("paused:{game_id}:{turn}")]);
    assert_eq!(world.told(game_id, "game.generation.failed").await.len(), 1);
    given_up_once(&world, game_id).await;
    controller.kill9();
}

#[tokio::test]
async fn an_engine_that_dies_of_every_turn_has_one_end_whoever_misses_it_first() {
    let world = World::with_scripts().await;
    let dies = Rule { die: Some(Die::Before), say: "this turn is too much".to_owned(), ..Rule::on(Call::Turn) };
    let game_id = world.scripted("@every 1s", Script::of([dies])).await;
    let mut controller = world.controller(&[]);
    world.reaches(game_id, "paused").await;
    given_up_once(&world, game_id).await;
    assert_eq!(world.told(game_id, "game.paused").await, [format!("paused:{game_id}:0")]);
    assert_eq!(world.told(game_id, "game.generation.failed").await.len(), 1);
    assert!(world.told(game_id, "game.resumed").await.is_empty());
    let revived = operation(&world, game_id, "revive", "ok").await;
    assert_eq!(revived.iter().map(|(times, _)| *times).collect::<Vec<_>>(), [6], "{revived:?}");
    assert!(world.journal(game_id).is_empty());

    // Mended, it goes on from its turn.
    world.script(game_id, []);
    world.force_start(game_id).await;
    world.reaches_turn(game_id, 1).await;
    assert_eq!(world.journal(game_id)[0], 1);
    controller.kill9();
}

/// By the reconciler, when the budget of its revivals was spent: its turn burned no attempt.
pub async fn given_up_once(world: &World, game_id: GameId) {
    assert_eq!(world.runtime(game_id).await.status.as_str(), "removed");
    assert_eq!(world.text("SELECT pause_reason FROM games WHERE game_id = $1", game_id).await, "engine_unreachable");
    let lost = operation(world, game_id, "lost", "removed").await;
    assert!(matches!(&lost[..], [(1, why)] if why.contains("it was brought back 6 times in vain")), "{lost:?}");
    assert!(operation(world, game_id, "turn", "engine_unreachable").await.is_empty());
    assert_eq!(world.number("SELECT failures::bigint FROM runtime_turns WHERE game_id = $1", game_id).await, 0);
}

/// As its owner would.
async fn start_again(world: &World, game_id: GameId) {
    set(world, game_id, "UPDATE games SET status = 'starting' WHERE game_id = $1").await;
    world.enqueue(game_id, JobKind::Start, json!({})).await;
}
