//! The contract of SPEC §9, by the conformance test and by what only this engine promises.

use std::ffi::OsString;
use std::time::Duration;

use galaxy_engine_check::{Options, Subject, check};
use serde_json::{Value, json};

use crate::harness::{Engine, GAME, state_dir};

/// Started, killed and restarted by the test itself.
#[tokio::test]
async fn the_engine_conforms() {
    let program = OsString::from(env!("CARGO_BIN_EXE_galaxy-engine"));
    let subject = Subject::exec(vec![program], None).unwrap();
    let orders = json!([{"kind": "set_research", "technology": "drive"}]);
    // A machine that many tests share may be slow: how long a read takes is judged where an engine is tested alone.
    let options = Options { orders: Some(orders), reads: Duration::from_secs(60), ..Options::default() };
    let report = check(subject, &options, &mut |_| ()).await.unwrap();
    assert!(report.passed(), "{}", report.text());
    let left_out: Vec<&str> = report.left_out().map(|(rule, _)| rule.id).collect();
    assert_eq!(left_out, ["image-volumes"], "it is no image, and nothing else is left out");
}

#[tokio::test]
async fn settings_reach_the_game_and_belong_to_its_beginning() {
    let (_dir, state) = state_dir();
    let engine = Engine::start(&state).await;
    let races = [json!({"race_name": "A"}), json!({"race_name": "B"})];
    for (settings, status, code) in [
        (json!({"turn_limits": 3}), 422, Some("invalid_init")),
        (json!([]), 400, Some("malformed_request")),
        (json!({"turn_limit": 2}), 200, None),
        (json!({"turn_limit": 2}), 200, None),
        (json!({"turn_limit": 3}), 409, Some("already_initialised")),
        (json!({}), 409, Some("already_initialised")),
    ] {
        let init = json!({"game_id": GAME, "races": races, "settings": settings});
        let (answered, body) = engine.call("POST", "/api/v1/admin/init", &init).await;
        assert_eq!((answered.as_u16(), body["code"].as_str()), (status, code), "{settings}");
    }
    assert_eq!(engine.close(0).await.unwrap().1["finished"], false);
    assert_eq!(engine.close(1).await.unwrap().1["finished"], true);
}

#[test]
fn the_committed_document_is_fresh() {
    let committed = include_str!("../../openapi.json");
    let generated = galaxy_engine_sdk::http::document().unwrap();
    assert!(committed == generated, "run: cargo run -p galaxy-engine -- openapi --output deploy/engine/openapi.json");
}

#[tokio::test]
async fn every_documented_call_but_healthz_needs_the_token() {
    let (_dir, state) = state_dir();
    let engine = Engine::start(&state).await;
    let document: Value = serde_json::from_str(&galaxy_engine_sdk::http::document().unwrap()).unwrap();
    let mut guarded = 0;
    for (path, methods) in document["paths"].as_object().unwrap() {
        for (method, operation) in methods.as_object().unwrap() {
            let method = reqwest::Method::from_bytes(method.to_uppercase().as_bytes()).unwrap();
            let answer = reqwest::Client::new().request(method, engine.url(path)).send().await.unwrap();
            if path == "/healthz" {
                assert_eq!(answer.status(), 200);
                continue;
            }
            assert_eq!(answer.status(), 401, "{path}");
            assert_eq!(answer.headers()["www-authenticate"], "Bearer");
            assert!(operation["security"][0].get("engine_token").is_some(), "{path} documents its token");
            guarded += 1;
        }
    }
    assert_eq!(guarded, 7);
}

#[tokio::test]
async fn errors_say_what_and_where() {
    let (_dir, state) = state_dir();
    let engine = Engine::start(&state).await;
    engine.init(&["A", "B"]).await;
    let orders =
        json!({"race_name": "A", "turn": 0, "orders": [{"kind": "set_focus", "planet": 999, "focus": "ships"}]});
    let (status, body) = engine.call("PUT", "/api/v1/order", &orders).await;
    assert_eq!((status.as_u16(), body["code"].as_str()), (422, Some("invalid_order")));
    assert_eq!(body["errors"][0]["code"], "unknown_planet");
    assert_eq!(body["errors"][0]["pointer"], "/orders/0");
    let unknown_field = json!({"expected_turn": 0, "hurry": true});
    let (status, body) = engine.call("PUT", "/api/v1/admin/turn", &unknown_field).await;
    assert_eq!((status.as_u16(), body["code"].as_str()), (400, Some("malformed_request")));
    let answer = engine.request("DELETE", "/api/v1/admin/turn").send().await.unwrap();
    assert_eq!(answer.headers()["allow"], "PUT");
    let large = engine.request("PUT", "/api/v1/order").header("content-type", "application/json");
    let answer = large.body(vec![b' '; (2 << 20) + 1]).send().await.unwrap();
    assert_eq!(answer.status(), 413);
    assert_eq!(answer.headers()["content-type"], "application/problem+json");
    assert_eq!(engine.status().await["turn"], 0, "nothing of this has changed the game");
}

#[tokio::test]
async fn a_game_is_played_over_http() {
    let (_dir, state) = state_dir();
    let engine = Engine::start_with(&state, &[("GALAXY_TURN_LIMIT", "30")]).await;
    let races = ["Conqueror", "Farmer", "Scholar"];
    engine.init(&races).await;
    let mut turn = 0;
    loop {
        for (race, boldness) in races.iter().zip([1.0, 0.2, 0.0]) {
            let (status, report) = engine.get(&format!("/api/v1/report?race_name={race}&turn={turn}")).await;
            assert_eq!(status, 200);
            if report["extinct"] == true {
                continue;
            }
            let orders = galaxy_engine::strategy::orders(&report, boldness);
            let body = json!({"race_name": race, "turn": turn, "orders": orders});
            let (status, answer) = engine.call("PUT", "/api/v1/order", &body).await;
            assert_eq!(status, 200, "{answer}");
            assert_eq!(answer, json!({"turn": turn, "accepted": orders.len()}));
        }
        let (_, status) = engine.close(turn).await.unwrap();
        turn += 1;
        assert_eq!(status["turn"], turn);
        if status["finished"] == true {
            assert_eq!(status["winners"], json!(["Conqueror"]));
            break;
        }
    }
}

#[tokio::test]
async fn a_past_report_is_what_it_was() {
    let (_dir, state) = state_dir();
    let engine = Engine::start(&state).await;
    engine.init(&["A", "B"]).await;
    let path = "/api/v1/report?race_name=A&turn=0";
    let (_, now) = engine.get(path).await;
    for turn in 0..3 {
        engine.close(turn).await.unwrap();
    }
    let (_, later) = engine.get(path).await;
    assert_eq!(later, now);
    assert_eq!(engine.get("/api/v1/report?race_name=A&turn=3").await.1["turn"], 3);
}
