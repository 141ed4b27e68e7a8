//! What an engine must refuse, and how.

use serde_json::{Value, json};

use super::caller::{Target, send};
use super::checks::{Checks, ok, problem};
use super::play::races;

const ADMIN_TURN: &str = "/api/v1/admin/turn";
const INIT: &str = "/api/v1/admin/init";
const ORDER: &str = "/api/v1/order";

/// Every call that needs the token, with a body that would do.
fn guarded(game_id: &str) -> Vec<(&'static str, &'static str, Option<Value>)> {
    vec![
        ("POST", INIT, Some(json!({"game_id": game_id, "races": [{"race_name": "Nobody"}]}))),
        ("GET", "/api/v1/admin/status", None),
        ("PUT", ADMIN_TURN, Some(json!({"expected_turn": 0}))),
        ("POST", "/api/v1/admin/race/banish", Some(json!({"race_name": "Nobody"}))),
        ("PUT", "/api/v1/command", Some(json!({"race_name": "Nobody", "commands": []}))),
        ("PUT", ORDER, Some(json!({"race_name": "Nobody", "turn": 0, "orders": []}))),
        ("GET", "/api/v1/report?race_name=Nobody&turn=0", None),
    ]
}

pub(super) async fn before_init(target: &Target, checks: &mut Checks<'_>) {
    let health = ok(send(target.request_as("GET", "/healthz", None)).await).map(|_| ());
    checks.note("GET /healthz answers 200 without a token", health);
    for (method, path, body) in guarded(&target.game_id) {
        for (what, authorization) in [
            ("no token", None),
            ("a wrong token", Some("Bearer wrong")),
            ("an empty token", Some("Bearer ")),
            ("another scheme", Some("Basic Z2FsYXh5OmdhbGF4eQ==")),
        ] {
            let mut request = target.request_as(method, path, authorization);
            if let Some(body) = &body {
                request = request.json(body);
            }
            let refused = problem(send(request).await, &[401], None);
            checks.note(format!("{method} {path} with {what} is refused with 401"), refused);
        }
    }
    let status = problem(target.get("/api/v1/admin/status").await, &[404], Some("game_not_initialised"));
    checks.note("the status before init is 404 game_not_initialised", status);
    let turn = target.call("PUT", ADMIN_TURN, &json!({"expected_turn": 0})).await;
    checks.note("a turn before init is refused", problem(turn, &[404, 409], None));
    let other = json!({"game_id": "another-game", "races": [{"race_name": "Nobody"}]});
    let refused = problem(target.call("POST", INIT, &other).await, &[409, 422], None);
    checks.note("init for another game than GALAXY_GAME_ID is refused", refused);
    for (what, races) in [
        ("without races", json!([])),
        ("with a race twice", json!([{"race_name": "Twin"}, {"race_name": "Twin"}])),
        ("with an empty name", json!([{"race_name": ""}])),
    ] {
        let body = json!({"game_id": target.game_id, "races": races});
        let refused = problem(target.call("POST", INIT, &body).await, &[400, 422], None);
        checks.note(format!("init {what} is refused"), refused);
    }
}

pub(super) async fn after_init(target: &Target, checks: &mut Checks<'_>) {
    let path = problem(target.get("/api/v1/no-such-path").await, &[404], None);
    checks.note("an unknown path is 404", path);
    let method = problem(send(target.request("DELETE", "/api/v1/admin/status")).await, &[405], None);
    checks.note("a wrong method is 405", method);
    for (method, path, _) in guarded(&target.game_id).into_iter().filter(|(method, ..)| *method != "GET") {
        for (what, body) in [("malformed JSON", "{\"race_name\": "), ("a body of the wrong shape", "[1]")] {
            let request = target.request(method, path).header("content-type", "application/json").body(body);
            let refused = problem(send(request).await, &[400, 422], None);
            checks.note(format!("{method} {path} with {what} is refused"), refused);
        }
    }
    let text = send(target.request("PUT", ADMIN_TURN).header("content-type", "text/plain").body("1")).await;
    checks.note("a body that is not declared as JSON is refused", problem(text, &[400, 415], None));
    let report = problem(target.get("/api/v1/report?turn=0").await, &[400, 422], None);
    checks.note("a report without race_name is refused", report);
    let report = problem(target.get("/api/v1/report?race_name=Nobody&turn=soon").await, &[400, 422], None);
    checks.note("a report for a turn that is no number is refused", report);

    let stranger = "Nobody Here";
    let command = json!({"race_name": stranger, "commands": []});
    let refused = problem(target.call("PUT", "/api/v1/command", &command).await, &[404, 422], None);
    checks.note("commands of an unknown race are refused", refused);
    let order = json!({"race_name": stranger, "turn": 0, "orders": []});
    let refused = problem(target.call("PUT", ORDER, &order).await, &[404, 422], None);
    checks.note("orders of an unknown race are refused", refused);
    let banish = json!({"race_name": stranger});
    let refused = problem(target.call("POST", "/api/v1/admin/race/banish", &banish).await, &[404, 422], None);
    checks.note("banishing an unknown race is refused", refused);
    let refused = problem(target.report(stranger, 0).await, &[404, 422], None);
    checks.note("a report for an unknown race is refused", refused);

    let nonsense = json!({"kind": "conformance-test-nonsense"});
    if let Some(race_name) = races().first() {
        let order = json!({"race_name": race_name, "turn": 0, "orders": [nonsense]});
        let refused = problem(target.call("PUT", ORDER, &order).await, &[422], None);
        checks.note("an order that the engine does not know is 422", refused);
        let command = json!({"race_name": race_name, "commands": [nonsense]});
        let refused = problem(target.call("PUT", "/api/v1/command", &command).await, &[422], None);
        checks.note("a command that the engine does not know is 422", refused);
    }
}
