//! An engine that answers too late.

use std::time::Duration;

use testkit::proxy::{Direction, TcpProxy};

use crate::turns::each_turn_once;
use crate::world::World;

#[tokio::test]
async fn a_turn_whose_answer_comes_too_late_is_recorded_and_not_repeated() {
    let world = World::with_processes().await;
    let game_id = world.game("@every 1h", &["Ants", "Bees"]).await;
    // Reads may wait for the slow answer, writes may not: each turn is generated, and its answer missed.
    let env = [
        ("BACKEND_ENGINE_CALL_TIMEOUT", "300ms"),
        ("BACKEND_ENGINE_PROBE_TIMEOUT", "5s"),
        ("GALAXY_TURN_LIMIT", "1000"),
    ];
    let mut controller = world.controller(&env);
    world.reaches(game_id, "running").await;

    let endpoint = world.runtime(game_id).await.endpoint.unwrap();
    let engine = endpoint.strip_prefix("http://").unwrap().parse().unwrap();
    let proxy = TcpProxy::start(engine).await.unwrap();
    proxy.delay(Direction::ToClient, Duration::from_millis(700));
    world.reach_through(game_id, proxy.addr().port()).await;
    for turn in 1..=2 {
        world.enqueue(game_id, shared::domain::runtime::JobKind::ForceNextTurn, serde_json::json!({})).await;
        world.reaches_turn(game_id, turn).await;
        let attempts = world.number("SELECT attempt_no::bigint FROM runtime_turns WHERE game_id = $1", game_id).await;
        assert!(attempts >= 2 * turn, "an answer was missed each time: {attempts}");
        assert_eq!(world.turn(game_id).await, turn);
    }
    assert_eq!(world.status(game_id).await, "running");
    controller.kill9();
    each_turn_once(&world, game_id).await;
}
