//! What an engine printed, as the API asks a controller for it: of an engine that runs, and of one that has ended.

use serde_json::{Value, json};
use shared::domain::runtime::QuestionKind;
use shared::ids::GameId;
use testkit::process::bin_path;
use testkit::scripted::{Boot, Script};

use crate::world::World;

async fn log(world: &World, game_id: GameId, tail: u64) -> Value {
    world.asks(game_id, QuestionKind::Log, json!({ "tail": tail })).await
}

#[tokio::test]
async fn the_last_lines_of_an_engine_are_read_while_it_runs_and_when_it_has_ended() {
    let mut world = World::with_processes().await;
    world.image = std::path::absolute(bin_path("scripted-engine")).unwrap().to_str().unwrap().to_owned();
    let game = async |say: String, die_after_ms| {
        let game_id = world.game_without_job("@every 1h", &["Ants", "Bees"]).await;
        let boot = Boot { say, die_after_ms, ..Boot::default() };
        let script = Script { boot, ..Script::default() };
        script.write(&world.state_root().join(game_id.to_string())).unwrap();
        world.enqueue(game_id, shared::domain::runtime::JobKind::Start, json!({})).await;
        game_id
    };
    let flood = (0..50_000).map(|n| format!("line {n}")).collect::<Vec<_>>().join("\n");
    let running = game(flood, None).await;
    let ended = game("no licence\u{0}".to_owned(), Some(0)).await;
    let mut controller = world.controller(&[]);
    world.reaches(running, "running").await;
    let lines = log(&world, running, 2).await["lines"].clone();
    assert_eq!(lines, json!(["line 49998", "line 49999"]));
    let many = log(&world, running, 1_000).await["lines"].as_array().unwrap().len();
    assert_eq!(many, 1_000);
    world.reaches(ended, "start_failed").await;
    let last = log(&world, ended, 1).await["lines"].clone();
    assert_eq!(last, json!(["no licence\u{fffd}"]));
    controller.kill9();
}
