//! `kill -9` at any instant: what was answered stays, and no turn is skipped or made twice.

use std::time::Duration;

use serde_json::json;

use crate::harness::{Engine, state_dir};

/// Different every time, spread over the time that a turn takes.
fn delay(round: u64) -> Duration {
    Duration::from_micros(round * 7919 % 6000)
}

#[tokio::test]
async fn a_killed_engine_keeps_its_turns() {
    let (_dir, state) = state_dir();
    let limit = [("GALAXY_TURN_LIMIT", "100000")];
    let mut engine = Engine::start_with(&state, &limit).await;
    let races: Vec<String> = (0..40).map(|number| format!("Race {number}")).collect();
    let names: Vec<&str> = races.iter().map(String::as_str).collect();
    engine.init(&names).await;
    let mut answered = 0;
    let mut interrupted = 0;
    for round in 0..40 {
        // A few turns undisturbed, then one with the engine killed at some instant of it.
        for _ in 0..round % 3 {
            let (status, body) = engine.close(answered).await.unwrap();
            assert_eq!(status, 200, "{body}");
            answered += 1;
            assert_eq!(body["turn"], answered);
        }
        let heard = {
            let closing = engine.close(answered);
            tokio::pin!(closing);
            tokio::select! {
                answer = &mut closing => Some(answer),
                () = tokio::time::sleep(delay(round)) => None,
            }
        };
        engine.kill();
        match heard {
            Some(answer) => assert_eq!(answer.unwrap().1["turn"], answered + 1),
            None => interrupted += 1,
        }
        engine = Engine::start_with(&state, &limit).await;
        let turn = engine.status().await["turn"].as_u64().unwrap();
        if heard_of(turn, answered) {
            // The turn was closed before the kill: closing it again must not make another.
            let (status, body) = engine.close(answered).await.unwrap();
            assert_eq!((status.as_u16(), body["turn"].as_u64()), (200, Some(turn)));
        }
        answered = turn;
    }
    assert!(interrupted > 5, "only {interrupted} turns were interrupted");
    for turn in 0..=answered {
        let (status, report) = engine.get(&format!("/api/v1/report?race_name=Race%201&turn={turn}")).await;
        assert_eq!((status.as_u16(), report["turn"].as_u64()), (200, Some(turn)));
    }
}

/// Whether the engine closed the turn; it is where it was, or one further, and nowhere else.
fn heard_of(turn: u64, before: u64) -> bool {
    assert!(turn == before || turn == before + 1, "the engine is at {turn}, after {before}");
    turn == before + 1
}

/// The game is a function of its id, its races and its orders: being killed makes no difference.
#[tokio::test]
async fn a_killed_game_ends_as_an_undisturbed_one() {
    let mut endings = Vec::new();
    for killed in [false, true] {
        let (_dir, state) = state_dir();
        let mut engine = Engine::start(&state).await;
        engine.init(&["A", "B", "C"]).await;
        for turn in 0..6 {
            for (race, boldness) in [("A", 1.0), ("B", 0.7), ("C", 0.1)] {
                let (_, report) = engine.get(&format!("/api/v1/report?race_name={race}&turn={turn}")).await;
                if report["extinct"] == true {
                    continue;
                }
                let orders = galaxy_engine::strategy::orders(&report, boldness);
                let body = json!({"race_name": race, "turn": turn, "orders": orders});
                assert_eq!(engine.call("PUT", "/api/v1/order", &body).await.0, 200);
            }
            if killed {
                // What was answered is on disk: the orders are there after the restart.
                engine.kill();
                engine = Engine::start(&state).await;
            }
            assert_eq!(engine.close(turn).await.unwrap().0, 200);
        }
        let mut reports = Vec::new();
        for race in ["A", "B", "C"] {
            reports.push(engine.get(&format!("/api/v1/report?race_name={race}&turn=6")).await.1);
        }
        endings.push(reports);
    }
    assert_eq!(endings[0], endings[1]);
}

/// A caller that hangs up loses the answer, not the turn.
#[tokio::test]
async fn a_lost_answer_is_heard_on_asking_again() {
    let (_dir, state) = state_dir();
    let engine = Engine::start(&state).await;
    engine.init(&["A", "B"]).await;
    for turn in 0..10_u64 {
        let closing = engine.close(turn);
        let _ = tokio::time::timeout(Duration::from_micros(turn * 300), closing).await;
        let (status, body) = engine.close(turn).await.unwrap();
        assert_eq!((status.as_u16(), body["turn"].as_u64()), (200, Some(turn + 1)));
    }
}
